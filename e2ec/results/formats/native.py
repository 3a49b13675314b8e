"""The project's own format: one JSON document for images, one JSON line a frame for videos.

docs/contours.md describes it, docs/contours.schema.json is its JSON Schema. Writing and reading lie
below `Contours`, in `native_writer` and `native_reader`; this module lies above it.
"""

from __future__ import annotations

from typing import Any

from e2ec.results.contours import Contours
from e2ec.results.formats.native_reader import read_images
from e2ec.results.formats.native_writer import document, frame_line

__all__ = ["document", "frame_line", "read_document"]


def read_document(value: Any, *, name: str = "contours") -> list[Contours]:
    """The contours in a document, one object per image: see `native_reader.read_images`."""
    return read_images(value, Contours, name=name)
