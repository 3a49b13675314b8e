"""Names that clients give to files: never a path here."""

from __future__ import annotations

import re
from dataclasses import replace

from e2ec.results.contours import Contours
from e2ec.results.shapes import as_given

_LONGEST = 120
_UNSAFE = re.compile(r"[^A-Za-z0-9_-]+")


def picture_name(given: str | None) -> str | None:
    """The last part of a name that a client gave, printable and not long; None where none is left.

    Both slashes end a folder, whichever system the client has.
    """
    last = re.split(r"[/\\]", given or "")[-1]
    name = "".join(c for c in last if c.isprintable()).strip()[-_LONGEST:]
    return name if name.strip(".") else None


def renamed(contours: Contours, name: str | None) -> Contours:
    """The same contours, of a picture that a client calls `name`."""
    return replace(
        contours,
        source=picture_name(name),
        # Not the outlines of masks, which follow from them.
        parts=as_given(contours.parts),
        holes=as_given(contours.holes),
    )


def file_stem(name: str | None) -> str:
    """A name without its suffix for a file to be written: letters, digits, "_" and "-" alone."""
    stem = (name or "").rpartition(".")[0] or (name or "")
    return _UNSAFE.sub("_", stem)[:_LONGEST].strip("_-") or "picture"
