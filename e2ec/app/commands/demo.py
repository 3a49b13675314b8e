"""The body of `demo.py`: a source in; overlays and contours out."""

from __future__ import annotations

import importlib.resources
import itertools
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from pathlib import Path

from tqdm import tqdm

from e2ec.app.commands.command_line import DemoOptions
from e2ec.app.commands.earlier_run import (
    DOCUMENT,
    LINES,
    VIDEO,
    OverlayNames,
    earlier_results,
    remove_earlier,
)
from e2ec.app.commands.view_options import change_view
from e2ec.app.stream.pipeline import AHEAD, AHEAD_LIVE, read_ahead, write_behind
from e2ec.app.stream.sources import Frame, Source, open_source
from e2ec.app.stream.video import OverlayVideo
from e2ec.engine.predict.predictor import Predictor, load_model
from e2ec.results.contours import Contours
from e2ec.results.draw.visualize import draw_contours
from e2ec.results.formats.native import document, frame_line
from lib.errors import InputError
from lib.files import atomic_write_json
from lib.images import write_image

DEMO_IMAGE = "coins.png"
"""Greek coins from Pompeii, a photograph in scikit-image's package (no known copyright)."""


def demo(options: DemoOptions) -> None:
    """Segment everything of a source.

    Writes one overlay an image and `contours.json`; for a video, camera or URL `overlay.mp4` and
    `contours.jsonl`, a line a frame, which grows as the frames come.

    Raises:
        InputError: weights, source or output folder are unusable, or the two are one folder.
    """
    source = open_source(default_source() if options.source is None else options.source)
    _check_folders(options)
    model = load_model(
        options.weights,
        device=options.device,
        preset=options.preset,
        precision=options.precision,
        cuda_graphs=options.cuda_graphs,
    )
    changed = change_view(model, mode=options.view, size=options.view_size, zoom=options.zoom)
    if changed:
        print(changed)
    _prepare(options.out)
    earlier = earlier_results(options.out)
    total = frame_count(source, options.limit)
    start = time.perf_counter()
    with closing(read_ahead(itertools.islice(source, options.limit), waiting(source))) as frames:
        bar = tqdm(frames, total=total, unit="frame" if source.is_stream else "image")
        if source.is_stream:
            images, instances = _stream(model, bar, source, options)
            _make_way(options.out, earlier, {LINES, VIDEO})
        else:
            images, instances = segment_files(model, bar, options, earlier)
    seconds = time.perf_counter() - start
    name = LINES if source.is_stream else DOCUMENT
    print(
        f"{instances} instances in {images} image{'s' * (images != 1)}, {seconds:.1f} s "
        f"({images / seconds:.1f}/s, reading, drawing and writing included); "
        f"contours and overlays: {options.out / name}"
    )


def frame_count(source: Source, limit: int | None) -> int | None:
    """How many frames will be read, for the progress bar; None where nobody knows."""
    if source.length is None or limit is None:
        return source.length if limit is None else limit
    return min(limit, source.length)


def waiting(source: Source) -> int:
    """How many frames may wait before the network, and again behind it.

    A stream whose end nobody knows is taken to be live: a camera, or the address of one.
    """
    return AHEAD_LIVE if source.is_stream and source.length is None else AHEAD


def default_source() -> str:
    """Path of the photograph that the demonstration runs on; scikit-image brings it."""
    return str(importlib.resources.files("skimage") / "data" / DEMO_IMAGE)


def _check_folders(options: DemoOptions) -> None:
    """Overlays among the images would be images themselves in the next run."""
    if options.source is not None and Path(options.source).resolve() == options.out.resolve():
        raise InputError(f"{options.out}: holds the images to segment; choose another --out")


def _prepare(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(
            f"{folder}: cannot be made ({error.strerror or error}); choose another --out"
        ) from error


def predictions(
    model: Predictor, frames: Iterable[Frame], options: DemoOptions
) -> Iterator[tuple[Frame, Contours]]:
    for frame in frames:
        contours = model.predict(
            frame.image, score_threshold=options.score, stage=options.stage, source=frame.name
        )
        yield frame, contours


def overlay_writer(
    folder: Path, labels: bool | None = None
) -> Callable[[tuple[Frame, Contours]], None]:
    """Draws and writes the overlay of an image into a folder; `labels` as of `draw_contours`."""
    names = OverlayNames()

    def write(result: tuple[Frame, Contours]) -> None:
        frame, contours = result
        picture = draw_contours(frame.image, contours, labels=labels)
        write_image(folder / names.next(frame.name), picture)

    return write


def segment_files(
    model: Predictor, frames: Iterable[Frame], options: DemoOptions, earlier: Iterable[str] = ()
) -> tuple[int, int]:
    """Images: one overlay each, one document of all; (images, instances).

    What an earlier run left makes way: `earlier_results`.
    """
    found: list[Contours] = []
    try:
        with write_behind(overlay_writer(options.out, _labels(options))) as pass_on:
            for frame, contours in predictions(model, frames, options):
                found.append(contours)
                pass_on((frame, contours))
    finally:
        # Also when a file on the way is broken: what was found is kept.
        if found:
            atomic_write_json(options.out / DOCUMENT, document(found))
            names = OverlayNames()
            written = {names.next(contours.source_name) for contours in found}
            _make_way(options.out, earlier, {DOCUMENT, *written})
    return len(found), sum(len(contours) for contours in found)


def _make_way(folder: Path, earlier: Iterable[str], written: set[str]) -> None:
    removed = remove_earlier(folder, earlier, written)
    if removed:
        print(f"{removed} overlay{'s' * (removed != 1)} of an earlier run removed from {folder}")


def _labels(options: DemoOptions) -> bool | None:
    """As `draw_contours` takes it: labels are never forced on crowded images."""
    return None if options.labels else False


def _stream(
    model: Predictor, frames: Iterable[Frame], source: Source, options: DemoOptions
) -> tuple[int, int]:
    """A video: an overlay video and a line a frame; (frames, instances)."""
    images = instances = 0
    path = options.out / LINES
    video = OverlayVideo(options.out / VIDEO, fps=source.fps)
    try:
        with path.open("w", encoding="utf-8") as lines, closing(video):

            def write(result: tuple[Frame, Contours]) -> None:
                frame, contours = result
                lines.write(frame_line(contours, frame=frame.index, time_s=frame.time_s))
                video.write(draw_contours(frame.image, contours, labels=_labels(options)))

            with write_behind(write, waiting(source)) as pass_on:
                for frame, contours in predictions(model, frames, options):
                    pass_on((frame, contours))
                    images, instances = images + 1, instances + len(contours)
    except OSError as error:  # also a disk that fills up on the way
        raise InputError(f"{path}: cannot be written ({error.strerror or error})") from error
    return images, instances
