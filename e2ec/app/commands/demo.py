"""The body of `demo.py`: a source in; overlays and contours out."""

from __future__ import annotations

import importlib.resources
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import NoReturn

from tqdm import tqdm

from dataset.transforms.test_transform import TestView
from e2ec.app.commands.demo_options import DemoOptions
from e2ec.app.commands.load_detector import load_detector
from e2ec.app.commands.watch import wants_window, watch
from e2ec.app.limited_view import LimitedView
from e2ec.app.stream.controls import Controls, Settings
from e2ec.app.stream.frame import Frame
from e2ec.app.stream.outputs.results import ImageResults, Results, VideoResults
from e2ec.app.stream.play import play
from e2ec.app.stream.rates import Rates
from e2ec.app.stream.report import Report
from e2ec.app.stream.sources.open import open_source
from e2ec.app.stream.sources.source import Source
from e2ec.app.stream.stream import Stream
from e2ec.app.stream.viewer import Viewer
from e2ec.app.web.address import parse_address
from e2ec.app.web.serve import serve
from e2ec.engine.predict.predictor import Predictor
from e2ec.results.one_line import one_line
from lib.errors import InputError

DEMO_IMAGE = "coins.png"
"""Greek coins from Pompeii, a photograph in scikit-image's package (no known copyright)."""
TERMINATED = 143
"""Exit status after SIGTERM, as shells have it."""


def demo(options: DemoOptions) -> None:
    """Segment everything of a source.

    Writes one overlay an image and `contours.json`; for what moves `overlay.mp4` and
    `contours.jsonl`, a line a frame. Both are whole at every moment. SIGTERM ends it as Ctrl-C
    does, with status 143. A page without a source is served until Ctrl-C.

    Raises:
        InputError: weights, source or output folder are unusable, or the two are one folder; at the
            end, where something could not be read.
    """
    with _termination():
        # Before the source is opened: what a camera sends meanwhile would be old.
        model = _load(options)
        if options.web is not None and options.source is None:
            host, port = parse_address(options.web)
            serve(model, host=host, port=port)
            return
        source = open_source(
            default_source() if options.source is None else options.source,
            recursive=options.recursive,
            patience_s=options.patience,
        )
        _check_folders(options)
        _prepare(options.out)
        report = _run(source, model, options)
    if not report.fine:
        raise InputError(report.summary())


def _load(options: DemoOptions) -> Predictor:
    return load_detector(options)


def _run(source: Source, model: Predictor, options: DemoOptions) -> Report:
    controls = demo_controls(options, model)
    show = True if options.show else False if options.no_show else None
    with watch(
        model,
        controls,
        window=wants_window(show, is_stream=source.is_stream),
        stays=not source.is_stream,
        web=options.web,
        folder=options.out,
        say=_say,
    ) as watchers:
        stream = Stream(
            source,
            model,
            track=options.track_settings,
            policy=options.policy,
            controls=controls,
            limit=options.limit,
            strict=options.strict,
            ended=lambda: not all(viewer.open for viewer in watchers.viewers),
            before=_remarks(model.card.view),
        )
        stream.report.say = _say
        results = open_results(source, options.out)
        watchers.run(lambda: _play(stream, results, watchers.viewers, options.limit))
    return stream.report


def _play(stream: Stream, results: Results, viewers: Sequence[Viewer], limit: int | None) -> None:
    """Process a stream to its end with a bar of progress, and sum it up."""
    source, start = stream.source, time.perf_counter()
    unit = "frame" if source.is_stream else "image"
    try:
        with tqdm(total=frame_count(source, limit), unit=unit) as bar:

            def progress(rates: Rates) -> None:
                if source.is_live:
                    bar.set_postfix_str(_live_line(stream.report, rates), refresh=False)
                bar.update()

            play(stream, results, viewers=viewers, progress=progress)
    finally:
        if stream.report.frames:
            print(_summary(stream.report, time.perf_counter() - start, results.path))


def _say(line: str) -> None:
    tqdm.write(one_line(line, len(line)), file=sys.stdout)


def _remarks(view: TestView) -> Callable[[Frame], None]:
    """Says of every size of huge images once that they are shown smaller."""
    seen: set[tuple[int, int]] = set()

    def look(frame: Frame) -> None:
        height, width = frame.image.shape[:2]
        if isinstance(view, LimitedView) and (height, width) not in seen:
            seen.add((height, width))
            if remark := view.remark(frame.name, height, width):
                _say(remark)

    return look


def demo_controls(options: DemoOptions, model: Predictor) -> Controls:
    """The settings that a demonstration starts with; labels are never forced on crowded images."""
    labels = None if options.labels else False
    settings = Settings(stage=options.stage, score=options.score, labels=labels)
    return Controls(settings, stages=tuple(model.stages))


def open_results(source: Source, folder: Path) -> Results:
    """Where the results of a source go in a folder.

    Raises:
        InputError: it cannot be written.
    """
    return VideoResults(folder, fps=source.fps) if source.is_stream else ImageResults(folder)


def frame_count(source: Source, limit: int | None) -> int | None:
    """How many frames will be read, for the progress bar; None where nobody knows."""
    if source.length is None or limit is None:
        return source.length if limit is None else limit
    return min(limit, source.length)


def default_source() -> str:
    """Path of the photograph that the demonstration runs on; scikit-image brings it."""
    return str(importlib.resources.files("skimage") / "data" / DEMO_IMAGE)


def _live_line(report: Report, rates: Rates) -> str:
    return f"{1000 * rates.latency_s:.0f} ms late, {report.dropped} dropped"


def _summary(report: Report, seconds: float, path: Path) -> str:
    images = report.frames
    counts = [
        f"{count} {thing}{'s' * (count != 1)} {what}"
        for count, thing, what in (
            (report.dropped, "frame", "dropped to keep up"),
            (report.unwritten, "result", "not written, the disk was too slow"),
            (report.reopened, "time", "opened again"),
        )
        if count
    ]
    return (
        f"{report.instances} instances in {images} image{'s' * (images != 1)}, {seconds:.1f} s "
        f"({images / seconds:.1f}/s, reading, drawing and writing included); "
        f"{''.join(f'{one}; ' for one in counts)}contours and overlays: {path}"
    )


def _check_folders(options: DemoOptions) -> None:
    """Overlays among the images would be images themselves in the next run."""
    if options.source is None:
        return
    source, out = Path(options.source).resolve(), options.out.resolve()
    if out == source or (options.recursive and source.is_dir() and source in out.parents):
        raise InputError(f"{options.out}: holds the images to segment; choose another --out")


def _prepare(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(
            f"{folder}: cannot be made ({error.strerror or error}); choose another --out"
        ) from error


@contextmanager
def _termination() -> Iterator[None]:
    """SIGTERM unwinds the program as Ctrl-C does, so that everything is finished whole.

    Once: a second one of either ends the process where it stands, which leaves whole files too.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def end(number: int, frame: FrameType | None) -> NoReturn:
        for each in before:
            signal.signal(each, signal.SIG_DFL)
        if number == signal.SIGINT:
            raise KeyboardInterrupt
        print("terminated", file=sys.stderr)
        raise SystemExit(TERMINATED)

    # What a script starts in the background ignores Ctrl-C.
    heard = [signal.SIGTERM]
    if signal.getsignal(signal.SIGINT) != signal.SIG_IGN:
        heard.append(signal.SIGINT)
    before = {each: signal.signal(each, end) for each in heard}
    try:
        yield
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)
