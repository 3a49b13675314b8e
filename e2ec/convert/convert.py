"""The conversion: everything is written beside the output folder first, then moved there."""

from __future__ import annotations

import os
import tempfile
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from dataset.formats.format import SplitName
from e2ec.config import ConversionTarget
from e2ec.convert.job import EXACT, Job
from e2ec.convert.source import Source
from e2ec.convert.writers import WRITERS, Writer
from e2ec.results.formats.options import FormatOptions
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
    options: FormatOptions = EXACT,
) -> Written:
    """Write labels in another format.

    Args:
        sources: the labels of one split of a data set (YOLO has a folder for each), or of several
            that are written together.
        target: the format.
        out: folder to write; new or empty, unless `overwrite`.
        copy_images: copy the images too.
        overwrite: replace the labels of the same images in `out`; other files stay.
        options: how outlines are changed on the way; not at all without.

    Raises:
        InputError: `out` cannot be written, holds something, labels of other images in the same
            format, or would touch the source; or the labels do not fit the format.
    """
    for source in sources.values():
        _check_out(out, source, overwrite)
    writer = next(writer for writer in WRITERS if writer.name == target)
    divided = len(sources) > 1
    if divided and not writer.divides:
        title = "GeoJSON" if target == "geojson" else target
        raise InputError(f"{out}: {title} has no splits; leave out --val-fraction")
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=out.parent, prefix=f".{out.name}.") as folder:
            made = Path(folder) / "out"
            made.mkdir()
            jobs = [
                Job(source, made, out, split, copy_images, divided, options=options)
                for split, source in sources.items()
            ]
            for job in jobs:
                writer.write(job)
            places = writer.places(jobs[-1])
            _put_in_place(jobs, writer)
    except OSError as error:
        raise InputError(
            f"{error.filename or out}: cannot be written ({error.strerror or error}); "
            "choose a writable folder with free space"
        ) from error
    return Written(
        sum((job.left_out for job in jobs), Counter[str]()),
        [change for job in jobs for change in job.mended],
        {split: place for split, place in places.items() if split != place},
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


def _put_in_place(jobs: Sequence[Job], writer: Writer) -> None:
    """Put what was made in its place: at once into a new folder, file by file into an old one.

    What is read from there is what was converted: further layers of masks that are replaced go, and
    labels of other images, with which the new ones would be read together, are refused.

    Args:
        jobs: the splits of the data set, all made in one folder.
        writer: what made them.

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
    replaced = {name for job in jobs for name in writer.replaced(job, new)}
    others = {name for job in jobs for name in writer.labels(job)} - new - replaced
    if others:
        raise InputError(
            f"{out}: has labels that are not in this conversion and would be read with it "
            f"({', '.join(islice(sorted(others), 3)):.200}; {len(others)} in all); "
            "move them away, or write to another folder"
        )
    for name in replaced:
        (out / name).unlink()
    for place in places:
        place.mkdir(parents=True, exist_ok=True)
    for name in sorted(new):
        os.replace(made / name, out / name)
