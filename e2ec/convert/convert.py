"""The conversion: everything is written beside the output folder first, then moved there."""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from dataset.formats.format import SplitName
from e2ec.config import ConversionTarget
from e2ec.convert.job import Job
from e2ec.convert.replace import put_in_place
from e2ec.convert.source import Source
from e2ec.convert.writers import WRITERS
from lib.errors import InputError


@dataclass(frozen=True)
class Written:
    """What came of a conversion.

    Attributes:
        left_out: counts, by reason, of what the format cannot hold.
        mended: of every object whose outline had to be changed to be valid, by how much its area
            changed, in percent.
        repeated: for splits that YOLO's data.yaml has to name and that are not there, the one whose
            images they have.
        images_found: the images are found from what was written, without naming their folder.
    """

    left_out: Counter[str]
    mended: list[float]
    repeated: dict[str, str]
    images_found: bool


def convert_labels(
    sources: Mapping[SplitName, Source],
    target: ConversionTarget,
    out: Path,
    *,
    copy_images: bool = False,
    overwrite: bool = False,
) -> Written:
    """Write labels in another format.

    Args:
        sources: the labels of one split of a data set (YOLO has a folder for each), or of several
            that are written together.
        target: the format.
        out: folder to write; new or empty, unless `overwrite`.
        copy_images: copy the images too.
        overwrite: replace the labels of the same images in `out`; other files stay.

    Raises:
        InputError: `out` cannot be written, holds something, labels of other images in the same
            format, or would touch the source; or the labels do not fit the format.
    """
    for source in sources.values():
        _check_out(out, source, overwrite)
    writer = next(writer for writer in WRITERS if writer.name == target)
    divided = len(sources) > 1
    if divided and not writer.divides:
        raise InputError(f"{out}: GeoJSON has no splits; leave out --val-fraction")
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=out.parent, prefix=f".{out.name}.") as folder:
            made = Path(folder) / "out"
            made.mkdir()
            jobs = [
                Job(source, made, out, split, copy_images, divided)
                for split, source in sources.items()
            ]
            for job in jobs:
                writer.write(job)
            repeated = writer.repeated(jobs[-1])
            put_in_place(jobs, writer)
    except OSError as error:
        raise InputError(
            f"{error.filename or out}: cannot be written ({error.strerror or error}); "
            "choose a writable folder with free space"
        ) from error
    return Written(
        sum((job.left_out for job in jobs), Counter[str]()),
        [change for job in jobs for change in job.mended],
        repeated,
        copy_images or writer.images == "found" or (divided and writer.images != "named"),
    )


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
