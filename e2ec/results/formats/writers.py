"""The writers of all formats that contours are written in, and writing with them.

`e2ec.results.formats.catalogue` says what the formats are, without loading what writes them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from e2ec.results.formats.catalogue import OUTPUT_FORMATS
from e2ec.results.formats.coco_document import annotation_files, result_files
from e2ec.results.formats.cvat import cvat_files
from e2ec.results.formats.geoparquet import geoparquet_files
from e2ec.results.formats.imagej import imagej_files
from e2ec.results.formats.item import ImageResult
from e2ec.results.formats.json_files import (
    geojson_files,
    image_document_files,
    labelme_files,
    native_files,
)
from e2ec.results.formats.mask_layers import mask_files
from e2ec.results.formats.measurements import measurement_files
from e2ec.results.formats.notes import Notes
from e2ec.results.formats.options import FormatOptions
from e2ec.results.formats.prepare import prepare
from e2ec.results.formats.qupath import qupath_files
from e2ec.results.formats.svg import svg_files
from e2ec.results.formats.voc import voc_files
from e2ec.results.formats.yolo import yolo_files
from lib.errors import InputError
from lib.files import atomic_write_bytes
from lib.nearest import nearest

FileWriter = Callable[[Iterable[ImageResult], FormatOptions, Notes], Iterator[tuple[str, bytes]]]
"""Gives files, one after the other: the path relative to the folder written, and the content.

Images are taken one by one; a format of a file an image gives its file before it takes the next
one. Files that all images share come last."""

FILE_WRITERS: dict[str, FileWriter] = {
    "json": image_document_files,
    "contours": native_files,
    "coco": annotation_files,
    "coco-results": result_files,
    "yolo": yolo_files,
    "labelme": labelme_files,
    "masks": mask_files,
    "voc": voc_files,
    "cvat": cvat_files,
    "geojson": geojson_files,
    "qupath": qupath_files,
    "imagej": imagej_files,
    "svg": svg_files,
    "csv": measurement_files,
    "geoparquet": geoparquet_files,
}
"""By the names of the catalogue."""


def format_files(
    name: str,
    items: Iterable[ImageResult],
    options: FormatOptions | None = None,
    notes: Notes | None = None,
) -> Iterator[tuple[str, bytes]]:
    """The files of a format, changed as the options ask: paths relative to a folder, and contents.

    Args:
        name: of the format, as in `catalogue.OUTPUT_FORMATS`.
        items: the images with their contours; of one collection all have the same classes.
        options: how contours are changed; not at all without.
        notes: what was left out or changed is added to it.

    Raises:
        InputError: there is no such format, a package that it needs is not installed, two images
            would share a file, their classes differ, or the contours do not fit the format.
    """
    if name not in FILE_WRITERS:
        raise InputError(f"{name!r}: no format; {nearest(name, FILE_WRITERS)}")
    options, notes = options or FormatOptions(), notes or Notes()
    prepared = (prepare(item, options, notes) for item in _checked(name, items))
    return FILE_WRITERS[name](prepared, options, notes)


def write_results(
    name: str,
    items: Iterable[ImageResult],
    out: str | Path,
    options: FormatOptions | None = None,
) -> Notes:
    """Write contours in a format into a folder; each file is written whole or not at all.

    Args:
        name, items, options: as `format_files` has them.
        out: the folder; other files in it stay.

    Returns:
        What was left out or changed.

    Raises:
        InputError: as `format_files`, or a file cannot be written.
    """
    notes = Notes()
    for path, data in format_files(name, items, options, notes):
        atomic_write_bytes(Path(out) / path, data)
    return notes


def _checked(name: str, items: Iterable[ImageResult]) -> Iterator[ImageResult]:
    """The images; all have the same classes, and no two share a file that is for one."""
    record = OUTPUT_FORMATS[name]
    seen: dict[str, str] = {}
    classes = None
    for item in items:
        own = (item.contours.class_names, item.contours.category_ids)
        classes = classes or own
        if own != classes:
            raise InputError(f"{item.name}: has other classes than the images before it")
        if record.per == "image":
            path = record.file.format(item.stem)
            if path in seen:
                raise InputError(
                    f"{item.name}: its file would have the same name as that of {seen[path]}; "
                    "rename one of the images"
                )
            seen[path] = item.name
        yield item
