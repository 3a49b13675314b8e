"""Moving a finished conversion to its place, into a folder that may hold an older one."""

from __future__ import annotations

import os
from collections.abc import Sequence
from itertools import islice

from e2ec.convert.job import Job
from e2ec.convert.writers import Writer
from lib.errors import InputError


def put_in_place(jobs: Sequence[Job], writer: Writer) -> None:
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
