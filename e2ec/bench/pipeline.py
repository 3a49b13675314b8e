"""The demonstration on image files: reading, the network and writing overlap, or do not."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import cv2
import numpy as np

from e2ec.app.commands.demo import demo_controls, open_results
from e2ec.app.commands.demo_options import DemoOptions
from e2ec.app.stream.draw import draw_frame
from e2ec.app.stream.outputs.results import Results
from e2ec.app.stream.play import play
from e2ec.app.stream.sources.open import open_source
from e2ec.app.stream.sources.source import Source
from e2ec.app.stream.stream import Stream
from e2ec.bench.inference import INSTANCES, benchmark_network, predictor
from e2ec.bench.row import Row
from e2ec.engine.predict.predictor import Predictor
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
    stream = Stream(source, model, controls=demo_controls(options, model))
    play(stream, _results(source, options))
    return stream.report.frames, stream.report.instances


def one_after_the_other(model: Predictor, options: DemoOptions) -> tuple[int, int]:
    """The same in one thread."""
    source, counts = open_source(str(options.source)), []
    settings = demo_controls(options, model).settings
    with closing(_results(source, options)) as results:
        for frame in source:
            contours = model.predict(frame.image, score_threshold=settings.score, source=frame.name)
            results.write(frame, contours, draw_frame(frame, contours, settings))
            counts.append(len(contours))
    return len(counts), sum(counts)


def _results(source: Source, options: DemoOptions) -> Results:
    options.out.mkdir(parents=True, exist_ok=True)
    return open_results(source, options.out)


def photograph(seed: int) -> np.ndarray:
    """Smooth colours and a little noise, (HEIGHT, WIDTH, 3) uint8 RGB: files as large as photos."""
    rng = np.random.default_rng(seed)
    colours = cv2.resize(
        rng.uniform(0, 255, (12, 16, 3)), (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC
    )
    noisy = colours + rng.normal(0, 6, colours.shape)
    return np.clip(noisy, 0, 255).astype(np.uint8)
