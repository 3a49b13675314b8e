"""What files of every format hold of the masks that were written into them.

    python -m e2ec.bench.studies.format_study FILE.json [FILE.json ...] [--limit 40] [--visible]

takes COCO annotation files with the images that they name, writes the labels of the first images in
every format, reads the files back (`read_back`), and prints how many objects came back as one of
the same class with which IoU of the masks: the least, and the mean. Crowd regions count as objects:
they have holes and parts. With --visible an object is the mask of what no smaller object hides of
it: exact masks, with more holes and parts, and without overlaps.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from pycocotools import mask as coco_mask

from dataset.formats.coco.read import COCO, read_coco
from dataset.formats.format import Split
from dataset.index.label_index import LabelIndex
from dataset.masks.run_lengths import encode_mask
from e2ec.app.commands.command_line import run
from e2ec.app.commands.options import parse_options
from e2ec.bench.report import table
from e2ec.bench.studies.labels import LabelFiles
from e2ec.bench.studies.read_back import READERS, Objects
from e2ec.convert.job import as_instances
from e2ec.results.formats.item import ImageResult
from e2ec.results.formats.writers import write_results
from e2ec.results.instances import Instances
from e2ec.results.masks import exact_mask


@dataclass(frozen=True)
class FormatStudyOptions(LabelFiles):
    """Write labels in every format, read them back, and compare the masks."""

    limit: int = 40
    """Images of each file."""
    visible: bool = False
    """Take of every object what no smaller one hides."""
    only: tuple[str, ...] = tuple(READERS)
    """Formats."""


@dataclass(frozen=True)
class Found:
    """What came back: IoU by object that was written, 0 for one that is missing, and left out."""

    ious: np.ndarray
    missing: int


def study(path: Path, options: FormatStudyOptions) -> str:
    """The table of a file, with a row a format."""
    items = list(_items(path, options))
    contours = [item.contours for item in items]
    several = sum(len(parts) > 1 for one in contours for parts in one.parts)
    holes = sum(any(inner) for one in contours for inner in one.holes)
    lines = []
    for name in options.only:
        library, _ = READERS[name]
        try:
            found = round_trip(name, items)
        except ModuleNotFoundError as error:
            lines.append([name, library, f"{error.name} is not installed", "", "", ""])
            continue
        ious = found.ious
        least, mean = (f"{value:.4f}" for value in (ious.min(), ious.mean()))
        below = str(int((ious < 0.99).sum()))
        lines.append([name, library, f"{len(ious)}", str(found.missing), least, mean, below])
    total = sum(map(len, contours))
    head = f"{len(items)} images, {total} objects, {several} in several parts, {holes} with holes\n"
    titles = ["format", "read by", "objects", "missing", "least IoU", "mean IoU", "below 0.99"]
    return head + table(titles, lines)


def round_trip(name: str, items: Sequence[ImageResult]) -> Found:
    """Write the images in a format into a folder of its own, and compare what is read."""
    _, reader = READERS[name]
    ious: list[float] = []
    missing = 0
    with tempfile.TemporaryDirectory() as folder:
        write_results(name, items, folder)
        for item, objects in zip(items, reader(Path(folder), items), strict=True):
            wanted = expected(name, item)
            best = overlaps(wanted, objects)
            missing += max(len(wanted) - len(objects), 0)
            ious += best.tolist()
    return Found(np.array(ious), missing)


def expected(name: str, item: ImageResult) -> Objects:
    """The objects that a format should hold: all, but of VOC what can be seen, and of YOLO what
    is no crowd region."""
    contours = item.contours
    masks = [exact_mask(contours, index) for index in range(len(contours))]
    kept = [i for i in range(len(masks)) if masks[i].any()]
    if name in ("voc", "yolo"):
        kept = [i for i in kept if not item.is_crowd(i)]
    if name == "voc":
        areas = contours.areas()
        order = sorted(kept, key=lambda i: (contours.scores[i], -areas[i]))
        for place, index in enumerate(order):
            for above in order[place + 1 :]:
                masks[index] = masks[index] & ~masks[above]
        kept = [i for i in kept if masks[i].any()]
    return [(contours.class_names[contours.labels[i]], masks[i]) for i in kept]


def overlaps(wanted: Objects, found: Objects) -> np.ndarray:
    """(n,) the IoU of every wanted object with the best one found of its class; 0 without any."""
    if not wanted or not found:
        return np.zeros(len(wanted))
    codes = [
        coco_mask.encode(np.asfortranarray(np.stack([m for _, m in objects], 2).astype(np.uint8)))
        for objects in (wanted, found)
    ]
    ious = coco_mask.iou(codes[0], codes[1], [0] * len(codes[1]))
    same = np.array([[a == b for b, _ in found] for a, _ in wanted])
    return (ious * same).max(axis=1)


def _items(path: Path, options: FormatStudyOptions) -> Iterator[ImageResult]:
    """The labels of the first images of a file that have any."""
    index: LabelIndex = read_coco(path)
    folder = COCO.images(Split(path.stem, None, path), index)
    places = [place for place in range(len(index)) if index.annotations(place)]
    for place in places[: options.limit]:
        image = index.image(place)
        found = [a for a in index.annotations(place) if a.polygons or a.runs is not None]
        contours = as_instances(found, image, image.name, index.categories)
        yield ImageResult(
            image.name,
            _visible(contours) if options.visible else contours,
            image.id,
            labels=True,
            path=str((folder / image.name).resolve()),
        )


def _visible(contours: Instances) -> Instances:
    """Masks without what smaller objects hide; those of which nothing is left go."""
    masks = [exact_mask(contours, index) for index in range(len(contours))]
    sizes = [mask.sum() for mask in masks]
    hidden = np.zeros((contours.height, contours.width), bool)
    for index in np.argsort(sizes, kind="stable").tolist():
        masks[index], hidden = masks[index] & ~hidden, hidden | masks[index]
    kept = [index for index, mask in enumerate(masks) if mask.any()]
    return replace(
        contours[np.array(kept, np.int64)],
        parts=(),
        holes=(),
        runs=[encode_mask(masks[index]) for index in kept],
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Print a table a file."""
    options = parse_options(FormatStudyOptions, arguments)
    for path in options.annotations:
        print(f"{path.name}: {study(path, options)}\n")
    return 0


if __name__ == "__main__":
    sys.exit(run(main))
