"""Moving a finished conversion to its place, into a folder that may hold an older one."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from itertools import islice
from pathlib import Path

from dataset.formats.image_folder import image_names
from dataset.formats.mask_folder import layer_names, stem
from e2ec.config import ConversionTarget as Target
from e2ec.convert.job import Job
from lib.errors import InputError

_Names = set[str]


def put_in_place(jobs: Sequence[Job], target: Target) -> None:
    """Put what was made in its place: at once into a new folder, file by file into an old one.

    What is read from there is what was converted: further layers of masks that are replaced go, and
    labels of other images, with which the new ones would be read together, are refused.

    Args:
        jobs: the parts of the data set, all made in one folder.
        target: the format.

    Raises:
        InputError: there are such labels, or a link leads out of the folder. Nothing was changed.
        OSError: the folder cannot be written.
    """
    made, out = jobs[0].out, jobs[0].final
    if not out.exists() or not any(out.iterdir()):
        if out.exists():
            out.rmdir()
        os.replace(made, out)
        return
    new = {p.relative_to(made).as_posix() for p in made.rglob("*") if not p.is_dir()}
    folders = [made, *(p for p in made.rglob("*") if p.is_dir() and not p.is_symlink())]
    places = [out / folder.relative_to(made) for folder in folders]
    for place in places:
        if not place.resolve().is_relative_to(out.resolve()):
            raise InputError(f"{place}: is a link that leads out of {out}; remove it")
    old_layers: _Names = set()
    others: _Names = set()
    for job in jobs:
        old_layers |= _old_layers(job, new) if target == "masks" else set()
        others |= _OTHERS[target](job) if target in _OTHERS else set()
    others -= new | old_layers
    if others:
        raise InputError(
            f"{out}: has labels that are not in this conversion and would be read with it "
            f"({', '.join(islice(sorted(others), 3)):.200}; {len(others)} in all); "
            "move them away, or write to another folder"
        )
    for name in old_layers:
        (out / name).unlink()
    for place in places:
        place.mkdir(parents=True, exist_ok=True)
    for name in sorted(new):
        os.replace(made / name, out / name)


def _old_layers(job: Job, new: _Names) -> _Names:
    """Layers after the last new one, as far as a reader would go on."""
    known = set(map(stem, job.source.names))
    images = job.final / "images" / job.folder
    known |= set(map(stem, image_names(images))) if images.is_dir() else set()
    found: _Names = set()
    for name in job.source.names:
        for layer in layer_names(name, known):
            file = f"masks/{job.folder}{layer}"
            if file not in new:
                if not (job.final / file).is_file():
                    break
                found.add(file)
    return found


def _coco(job: Job) -> _Names:
    """The files of a divided data set, which a folder is read by where there are any."""
    return _below(job.final, "instances_*.json", job.final)


def _masks(job: Job) -> _Names:
    return _below(job.final / "masks", "*.png", job.final)


def _labelme(job: Job) -> _Names:
    return _below(job.final, "*.json", job.final)


def _yolo(job: Job) -> _Names:
    """Images, as it is them that YOLO's labels are found by."""
    folder = f"images/{job.split}"
    if not (job.final / folder).is_dir():
        return set()
    return {f"{folder}/{name}" for name in image_names(job.final / folder)}


def _below(folder: Path, pattern: str, base: Path) -> _Names:
    return {path.relative_to(base).as_posix() for path in folder.rglob(pattern)}


# GeoJSON is not read.
_OTHERS: dict[Target, Callable[[Job], _Names]] = {
    "coco": _coco,
    "masks": _masks,
    "labelme": _labelme,
    "yolo": _yolo,
}
