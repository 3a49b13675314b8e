"""What a format that can be written is: its writer, and what of an older conversion it meets."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from dataset.formats.image_folder import image_names
from dataset.formats.mask_folder import layer_names, stem
from e2ec.convert.job import Job
from e2ec.convert.to_coco import write_coco
from e2ec.convert.to_geojson import write_geojson
from e2ec.convert.to_labelme import write_labelme
from e2ec.convert.to_masks import write_masks
from e2ec.convert.to_results_format import results_writer
from e2ec.convert.to_yolo import write_yolo, yolo_places

Names = set[str]


@dataclass(frozen=True)
class Writer:
    """A format that labels are converted to.

    Attributes:
        name: of the format.
        write: writes a split.
        labels: all labels of an older conversion that would be read with the new ones.
        replaced: those of them that go, given the names of the new ones.
        images: whether a reader finds them: always, where there are several splits, or if told.
        divides: it has a place for each of several splits.
        places: for every split that it names the one whose images it has.
    """

    name: str
    write: Callable[[Job], None]
    labels: Callable[[Job], Names] = lambda _: set()
    replaced: Callable[[Job, Names], Names] = lambda _, __: set()
    images: Literal["found", "found if divided", "named"] = "found"
    divides: bool = True
    places: Callable[[Job], dict[str, str]] = lambda _: {}


def _below(folder: Path, pattern: str, base: Path) -> Names:
    return {path.relative_to(base).as_posix() for path in folder.rglob(pattern)}


def _yolo_images(job: Job) -> Names:
    """Images: YOLO's labels are found by them."""
    folder = f"images/{job.split}"
    if not (job.final / folder).is_dir():
        return set()
    return {f"{folder}/{name}" for name in image_names(job.final / folder)}


def _old_layers(job: Job, new: Names) -> Names:
    """Layers of masks after the last new one, as far as a reader would go on."""
    known = set(map(stem, job.source.names))
    images = job.final / "images" / job.folder
    known |= set(map(stem, image_names(images))) if images.is_dir() else set()
    found: Names = set()
    for name in job.source.names:
        for layer in layer_names(name, known):
            file = f"masks/{job.folder}{layer}"
            if file not in new:
                if not (job.final / file).is_file():
                    break
                found.add(file)
    return found


WRITERS: tuple[Writer, ...] = (
    Writer(
        "coco",
        write_coco,
        # The files of a divided data set, which a folder is read by where there are any.
        labels=lambda job: _below(job.final, "instances_*.json", job.final),
        images="named",
    ),
    Writer("yolo", write_yolo, labels=_yolo_images, places=yolo_places),
    Writer(
        "labelme",
        write_labelme,
        labels=lambda job: _below(job.final, "*.json", job.final),
        images="named",
    ),
    Writer(
        "masks",
        write_masks,
        labels=lambda job: _below(job.final / "masks", "*.png", job.final),
        replaced=_old_layers,
        images="found if divided",
    ),
    Writer("cvat", results_writer("cvat"), images="found if divided", divides=False),
    Writer(
        "voc",
        results_writer("voc"),
        labels=lambda job: _below(job.final / "SegmentationObject", "*.png", job.final),
        divides=False,
    ),
    # What is not read.
    Writer("geojson", write_geojson, divides=False),
    Writer("qupath", results_writer("qupath"), divides=False),
    Writer("imagej", results_writer("imagej"), divides=False),
    Writer("svg", results_writer("svg"), divides=False),
    Writer("csv", results_writer("csv"), divides=False),
    Writer("geoparquet", results_writer("geoparquet"), divides=False),
)
