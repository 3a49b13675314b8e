"""`e2ec predict`: the contours of many images in files of a format."""

from __future__ import annotations

import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

import numpy as np
from tqdm import tqdm

from e2ec.app.commands.detection_options import change_detection
from e2ec.app.commands.load_detector import load_detector
from e2ec.app.commands.predict_options import PredictOptions
from e2ec.app.limited_view import LimitedView
from e2ec.app.predict.image_list import ListedImage, list_images
from e2ec.app.predict.made_by import made_by
from e2ec.app.predict.outputs.open import open_output, result_folder
from e2ec.app.predict.outputs.output import Output, State, Unfit
from e2ec.app.predict.predict_paths import Predict, predict_paths
from e2ec.engine.predict.predictor import Predictor
from e2ec.results.contours import Contours
from e2ec.results.formats.catalogue import OUTPUT_FORMATS
from e2ec.results.one_line import one_line
from lib.errors import InputError
from lib.images import IMAGE_SUFFIXES

_LISTED = 50
"""So many images without results are named."""
Say = Callable[[str], None]


@dataclass(frozen=True)
class Predicted:
    """What became of the images of a source.

    Attributes:
        place: where the results are.
        images: so many there are.
        written: so many have a result from this run, with `instances` in all.
        done: so many had one before.
        kept: so many have a file that a person has made or changed, which stays.
        other: so many have one of other weights or settings, which stays.
        failed: what was wrong with each of the others, by path: a line that names it.
        notes: what was left out of files, or mended, in words; "" for nothing.
        seconds: from the first image to the last.
    """

    place: str
    images: int
    written: int
    instances: int
    done: int
    kept: int
    other: int
    failed: dict[Path, str]
    notes: str
    seconds: float

    def text(self) -> str:
        """One line for people."""
        rate = f", {self.written / self.seconds:.1f}/s" if self.seconds else ""
        facts = []
        if self.written or not self.done:
            facts.append(
                f"{_counted(self.instances, 'instance')} in {_counted(self.written, 'image')} "
                f"({self.seconds:.1f} s{rate})"
            )
        if self.done:
            facts.append(f"{self.done} were done before")
        if self.kept:
            facts.append(f"{self.kept} kept, which a person has made or changed")
        if self.notes:
            facts.append(self.notes)
        return f"{self.place}: {'; '.join(facts)}"


def predict_command(options: PredictOptions) -> str:
    """`predict` with a bar of progress; the line to print.

    Raises:
        InputError: as `predict`; at the end, after the line was printed, where images have no
            result of these weights and settings.
    """
    done = predict(options, progress=True)
    if not done.failed and not done.other:
        return done.text()
    print(done.text())
    for line in list(done.failed.values())[:_LISTED]:
        print(f"  {one_line(line, 500)}")
    if len(done.failed) > _LISTED:
        print(f"  ... and {len(done.failed) - _LISTED} more")
    raise InputError(_complaint(done))


def predict(
    options: PredictOptions, *, progress: bool = False, say: Say | None = None
) -> Predicted:
    """Predict what is not done yet, and write every result as soon as it is there.

    Args:
        options: what to predict, and where to.
        progress: show a bar.
        say: takes a line about an image that is shown smaller than it is; None prints it.

    Raises:
        InputError: there are no images, the weights are unusable, or the folder cannot be written
            or holds results of other weights or settings. What is written stays.
    """
    folder = result_folder(options.to, options.out)
    images = list_images(options.source, leave_out=_own_folder(options, folder))
    model = load_detector(options)
    change_detection(model, max_detections=options.max_detections, nms_iou=options.nms_iou)
    made = made_by(
        model,
        options.weights,
        precision=options.precision,
        score=options.score,
        stage=options.stage,
        outlines=options.format_options,
    )
    classes = dict(zip(model.card.category_ids, model.class_names, strict=True))
    output = open_output(
        options.to,
        options.out,
        images,
        made,
        classes,
        options.format_options,
        overwrite=options.overwrite,
    )
    with output:
        states = {image.name: output.state(image) for image in images}
        ahead = [image for image in images if states[image.name] == "open"]
        with tqdm(total=len(ahead), unit="image", disable=not progress) as bar:
            run = _Run(output, ahead, _remarks(model, say or _say), bar)
            start = time.perf_counter()
            run.go(_predict_with(model, options), options.batch_size)
            seconds = time.perf_counter() - start
        output.finish(images)
    return run.summary(len(images), Counter(states.values()), seconds)


class _Run:
    """The images that are to be predicted, and what became of them."""

    def __init__(
        self,
        output: Output,
        images: Sequence[ListedImage],
        look: Callable[[Contours], None],
        bar: tqdm,
    ) -> None:
        self._output, self._images, self._look, self._bar = output, images, look, bar
        self._failed: dict[Path, str] = {}
        self._written = self._instances = self._kept = 0

    def go(self, predict: Predict, batch_size: int) -> None:
        """Predict and write them."""
        paths = (image.path for image in self._images)
        results = predict_paths(paths, predict, batch_size=batch_size)
        for image, (path, found) in zip(self._images, results, strict=True):
            if isinstance(found, InputError):
                self._failed[path] = str(found)
            else:
                self._take(image, replace(found, source=image.name))
            self._bar.update()

    def _take(self, image: ListedImage, found: Contours) -> None:
        self._look(found)
        try:
            written = self._output.write(image, found)
        except Unfit as error:
            self._failed[image.path] = str(error)
            return
        if written:
            self._written += 1
            self._instances += len(found)
        else:
            self._kept += 1

    def summary(self, count: int, states: Counter[State], seconds: float) -> Predicted:
        """All of it, with the images that were not to be predicted."""
        return Predicted(
            place=self._output.place,
            images=count,
            written=self._written,
            instances=self._instances,
            done=states["done"],
            kept=states["kept"] + self._kept,
            other=states["other"],
            failed=self._failed,
            notes=self._output.notes.line(),
            seconds=seconds,
        )


def _predict_with(model: Predictor, options: PredictOptions) -> Predict:
    def predict_batch(images: list[np.ndarray]) -> list[Contours]:
        return model.predict(
            [*images],
            score_threshold=options.score,
            stage=options.stage,
            batch_size=options.batch_size,
        )

    return predict_batch


def _own_folder(options: PredictOptions, folder: Path | None) -> Path | None:
    """The folder whose images are results, where the format writes images.

    Raises:
        InputError: the images to predict lie there too.
    """
    suffix = PurePosixPath(OUTPUT_FORMATS[options.to].file).suffix
    if folder is None or suffix not in IMAGE_SUFFIXES:
        return None
    if Path(options.source).is_dir() and Path(options.source).resolve() == folder.resolve():
        raise InputError(f"{folder}: holds the images to predict; choose another --out")
    return folder


def _remarks(model: Predictor, say: Say) -> Callable[[Contours], None]:
    """Says of every size of huge images once that they are shown smaller."""
    seen: set[tuple[int, int]] = set()
    view = model.card.view

    def look(found: Contours) -> None:
        size = (found.height, found.width)
        if isinstance(view, LimitedView) and size not in seen:
            seen.add(size)
            if remark := view.remark(found.source_name, *size):
                say(remark)

    return look


def _say(line: str) -> None:
    tqdm.write(one_line(line, len(line)), file=sys.stdout)


def _complaint(done: Predicted) -> str:
    facts = []
    if done.failed:
        facts.append(
            f"{len(done.failed)} of {_counted(done.images, 'image')} could not be predicted "
            "(listed above); all others are written"
        )
    if done.other:
        facts.append(
            f"{_counted(done.other, 'image')} have files of other weights or settings, which "
            "stay; give --overwrite to replace them"
        )
    return "; ".join(facts)


def _counted(number: int, thing: str) -> str:
    return f"{number:,} {thing}{'s' * (number != 1)}"
