"""The demonstration on image files: reading, the network and writing overlap, or do not."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import cv2
import numpy as np

from e2ec.app.commands.command_line import DemoOptions
from e2ec.app.commands.demo import overlay_writer, predictions, segment_files, waiting
from e2ec.app.stream.pipeline import read_ahead
from e2ec.app.stream.sources import open_source
from e2ec.bench.inference import INSTANCES, benchmark_network, predictor
from e2ec.bench.row import Row
from e2ec.engine.predict.predictor import Predictor
from e2ec.results.formats.native import document
from lib.files import atomic_write_json
from lib.images import write_image

IMAGES = 16
HEIGHT, WIDTH = 480, 640


def rows() -> Iterator[Row]:
    """A folder of images against the same functions in one thread."""
    model = predictor(benchmark_network("nano"), "nano")
    with tempfile.TemporaryDirectory() as folder:
        options = DemoOptions(source=f"{folder}/in", out=Path(folder) / "out", score=0.0)
        for number in range(IMAGES):
            write_image(Path(folder, "in", f"{number:02}.jpg"), photograph(number))
        yield Row(
            f"demonstration, {IMAGES} images of {WIDTH}x{HEIGHT}, nano",
            "decoding of JPEG files, view, network, all stages, drawing, overlays as PNG files, "
            f"contours.json; {INSTANCES} instances an image; the network on all threads",
            lambda: overlapping(model, options),
            {"one after the other": lambda: one_after_the_other(model, options)},
        )


def overlapping(model: Predictor, options: DemoOptions) -> tuple[int, int]:
    """As `demo.py` does it; (images, instances)."""
    source = open_source(str(options.source))
    with closing(read_ahead(source, waiting(source))) as frames:
        return segment_files(model, frames, options)


def one_after_the_other(model: Predictor, options: DemoOptions) -> tuple[int, int]:
    """The same in one thread."""
    write, found = overlay_writer(options.out), []
    for frame, contours in predictions(model, open_source(str(options.source)), options):
        found.append(contours)
        write((frame, contours))
    atomic_write_json(options.out / "contours.json", document(found))
    return len(found), sum(len(contours) for contours in found)


def photograph(seed: int) -> np.ndarray:
    """Smooth colours and a little noise, (HEIGHT, WIDTH, 3) uint8 RGB: files as large as photos."""
    rng = np.random.default_rng(seed)
    colours = cv2.resize(
        rng.uniform(0, 255, (12, 16, 3)), (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC
    )
    noisy = colours + rng.normal(0, 6, colours.shape)
    return np.clip(noisy, 0, 255).astype(np.uint8)
