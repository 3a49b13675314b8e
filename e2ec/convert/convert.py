"""The conversion: everything is written beside the output folder first, then moved there."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path

from dataset.split_folders import Split
from e2ec.convert.job import Job
from e2ec.convert.replace import Target, put_in_place
from e2ec.convert.source import Source
from e2ec.convert.to_coco import write_coco
from e2ec.convert.to_geojson import write_geojson
from e2ec.convert.to_labelme import write_labelme
from e2ec.convert.to_masks import write_masks
from e2ec.convert.to_yolo import write_yolo
from lib.errors import InputError

_WRITERS: dict[Target, Callable[[Job], None]] = {
    "coco": write_coco,
    "yolo": write_yolo,
    "labelme": write_labelme,
    "masks": write_masks,
    "geojson": write_geojson,
}


def convert_labels(
    source: Source,
    target: Target,
    out: Path,
    *,
    split: Split = "train",
    copy_images: bool = False,
    overwrite: bool = False,
) -> Job:
    """Write labels in another format.

    Args:
        source: the labels.
        target: the format.
        out: folder to write; new or empty, unless `overwrite`.
        split: which part of a data set it is; YOLO has a folder for each.
        copy_images: copy the images too.
        overwrite: replace the labels of the same images in `out`; other files stay.

    Returns:
        The finished job: what was left out, and what was mended.

    Raises:
        InputError: `out` cannot be written, holds something, labels of other images in the same
            format, or would touch the source; or the labels do not fit the format.
    """
    _check_out(out, source, overwrite)
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=out.parent, prefix=f".{out.name}.") as folder:
            made = Path(folder) / "out"
            made.mkdir()
            job = Job(source, made, out, split, copy_images)
            _WRITERS[target](job)
            put_in_place(job, target)
    except OSError as error:
        raise InputError(
            f"{error.filename or out}: cannot be written ({error.strerror or error}); "
            "choose a writable folder with free space"
        ) from error
    return job


def _check_out(out: Path, source: Source, overwrite: bool) -> None:
    here = out.resolve()
    for path in (source.path, source.images):
        if path is None:
            continue
        there = path.resolve()
        if here == there or here in there.parents or (there in here.parents):
            raise InputError(f"{out}: overlaps with the source {path}; write to another folder")
    if out.exists() and not out.is_dir():
        raise InputError(f"{out}: is a file; give a folder to write")
    if out.is_dir() and any(out.iterdir()) and not overwrite:
        raise InputError(f"{out}: is not empty; give a new folder, or --overwrite")
