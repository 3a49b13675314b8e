"""Which image file an image id means, by a COCO file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeGuard

from dataset.formats.coco.json_stream import stream_members
from dataset.index.inputs import is_file_name, leads_out
from lib.errors import InputError

ImageId = int | float | str


@dataclass(frozen=True)
class ImageFile:
    """An image file.

    Attributes:
        path: may be missing.
        size: (height, width) in pixels, as the COCO file says it; None where it does not.
    """

    path: Path
    size: tuple[int, int] | None


def read_image_files(annotations: Path, folder: Path) -> dict[ImageId, ImageFile]:
    """The images that a COCO file names, by id. Its labels are passed over one by one.

    Raises:
        InputError: not such a file; an image without id or file name; an id twice; a file name
            that leads out of the folder.
    """
    files: dict[ImageId, ImageFile] = {}

    def take(entry: Any) -> None:
        where = f"{annotations}: image number {len(files)}"
        key = entry.get("id") if isinstance(entry, dict) else None
        if not is_image_id(key):
            raise InputError(f'{where}: has no "id"; give an annotation file in COCO format')
        name = entry.get("file_name")
        if not isinstance(name, str) or not name or not is_file_name(name) or leads_out(name):
            raise InputError(
                f'{where}: "file_name" is {name!r:.200}, not the name of a file in the folder of '
                "the images; correct it"
            )
        if key in files:
            raise InputError(f"{where}: the id {key!r:.40} is there twice; correct it")
        size = (entry.get("height"), entry.get("width"))
        known = all(type(side) is int and side > 0 for side in size)
        files[key] = ImageFile(folder / name, size if known else None)

    # Other lists are named so that they, too, are read an entry at a time.
    ignored = dict.fromkeys(("annotations", "categories", "licenses"), lambda _: None)
    members = stream_members(annotations, {"images": take, **ignored})
    if not members.get("images"):
        raise InputError(
            f'{annotations}: not a COCO file (no list "images"); give the annotation file whose '
            "images the results are of"
        )
    return files


def is_image_id(value: object) -> TypeGuard[ImageId]:
    """Whether JSON may have this as the id of an image; true and false are none."""
    return isinstance(value, (int, float, str)) and not isinstance(value, bool)
