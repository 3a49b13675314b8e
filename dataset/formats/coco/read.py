"""Reading a COCO annotation file into a checked index.

Everything a file can get wrong is found here, before training starts, and reported.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

from dataset.checks.problems import Report, Unusable, strict
from dataset.formats.coco.json_stream import stream_members
from dataset.formats.format import Format, file_splits
from dataset.formats.json_files import MOST_FILES, is_kins_file, json_holds
from dataset.index.builder import IndexBuilder
from dataset.index.inputs import MAX_SIDE
from dataset.index.label_index import LabelIndex
from dataset.masks.run_lengths import run_lengths
from lib.errors import InputError

# The lists of a file, and what messages call an entry.
_ITEMS = {"images": "image", "categories": "category", "annotations": "annotation"}
# What tells a file from one of another format.
_KEYS = ("images", "annotations")
# Ids are kept in 64 bits; evaluators keep them in the 53 of a float.
_LARGEST_ID = 2**53


def read_coco(path: str | Path, report: Report = strict) -> LabelIndex:
    """Read and check a COCO instance annotation file.

    Polygons of fewer than three points are left out, and so are annotations without any polygon.
    Missing `bbox`, `area`, `iscrowd` and annotation `id` are filled in. A file without the list
    `annotations` (COCO's image_info_*.json) gives images without labels.

    Args:
        path: the file.
        report: told what is wrong with single entries, which are left out then.

    Raises:
        InputError: the file is not JSON or not COCO; from `strict`: an annotation names an unknown
            image or category or holds unusable coordinates; an id appears twice; a file name leads
            out of the image folder.
    """
    reader = CocoReader(path, report)
    members = stream_members(path, reader.lists())
    labelled = "annotations" in members
    reader.require(members, "images", "categories", *(["annotations"] if labelled else []))
    return reader.builder.finish(labelled=labelled)


class CocoReader:
    """Takes the entries of a COCO file one by one into `builder`."""

    file_kind = "a COCO file"
    remedy = "give an instance annotation file in COCO format"

    def __init__(self, path: str | Path, report: Report = strict) -> None:
        self.path = path
        self.builder = IndexBuilder(str(path), report)
        self.counts = dict.fromkeys(_ITEMS, 0)

    def lists(self) -> dict[str, Callable[[Any], None]]:
        """What takes the entries of the lists of the file, by their names."""
        uses = (self._image, self._category, self._annotation)
        return {key: partial(self._take, key, use) for key, use in zip(_ITEMS, uses, strict=True)}

    def require(self, members: Mapping[str, bool], *keys: str) -> None:
        """Check that the file has these lists; `members` says which of its members are lists.

        Raises:
            InputError: one is missing, or no list.
        """
        for key in keys:
            if not members.get(key):
                raise self._no_objects(key)

    def _no_objects(self, key: str) -> InputError:
        what = f"not {self.file_kind} ('{key}' is not a list of objects)"
        return InputError(f"{self.path}: {what}; {self.remedy}")

    def _take(self, key: str, use: Callable[[dict[str, Any]], None], entry: Any) -> None:
        """Hand on an entry; it is called by its id, or by its position in the list, from 0."""
        number = self.counts[key]
        self.counts[key] += 1
        if not isinstance(entry, dict):
            raise self._no_objects(key)
        if "id" not in entry:
            with self.builder.reading(self.path, f"{_ITEMS[key]} number {number}"):
                use(entry)
            return
        try:
            use(entry)
        except Unusable as error:
            known = type(entry["id"]) is int
            item = f"{_ITEMS[key]} {entry['id'] if known else f'number {number}'}"
            self.builder.report(error, item)

    def _image(self, entry: dict[str, Any]) -> None:
        image_id = _whole_number(entry.get("id"), "'id'")
        name = entry.get("file_name")
        if not isinstance(name, str) or not name or "\0" in name:
            raise Unusable("file name", "'file_name' must be the name of a file", "correct it")
        width = _whole_number(entry.get("width"), "'width'")
        height = _whole_number(entry.get("height"), "'height'")
        self.builder.add_image(image_id, name, width, height)

    def _category(self, entry: dict[str, Any]) -> None:
        key = _whole_number(entry.get("id"), "'id'")
        name = entry.get("name", str(key))
        if not isinstance(name, str):
            raise Unusable("category name", "'name' must be text", "correct it")
        self.builder.add_category(key, name)

    def _annotation(self, entry: dict[str, Any]) -> None:
        crowd = entry.get("iscrowd", 0)
        if crowd not in (0, 1):
            raise Unusable("crowd flag", "'iscrowd' must be 0 or 1", "correct it")
        self.builder.add(
            id=_whole_number(entry["id"], "'id'") if "id" in entry else None,
            image_id=_whole_number(entry.get("image_id"), "'image_id'"),
            category_id=_whole_number(entry.get("category_id"), "'category_id'"),
            crowd=bool(crowd),
            **_shape(entry.get("segmentation")),
            area=entry.get("area"),
            bbox=entry.get("bbox"),
        )


def _shape(value: Any) -> dict[str, Any]:
    """COCO's `segmentation` for the builder: a list of lists, not looked at yet, or a mask."""
    if isinstance(value, dict):
        return _mask(value)
    if not isinstance(value, list):
        what = "'segmentation' must be a list of polygons or a mask"
        raise Unusable("no contour", what, "correct or remove the annotation")
    if not set(map(type, value)) <= {list}:
        what = "'segmentation' must be a list of lists of numbers"
        raise Unusable("bad polygon", what, "write [[x0, y0, x1, y1, ...]]")
    return {"polygons": value}


def _whole_number(value: Any, name: str) -> int:
    """An id or a size, which evaluators must be able to hold."""
    if type(value) is not int or abs(value) > _LARGEST_ID:
        what = f"{name} must be a whole number, not {value!r:.40}"
        raise Unusable("bad number", what, "correct it")
    return value


def _mask(value: dict[str, Any]) -> dict[str, Any]:
    remedy = "export it again"
    match value.get("size"):
        case [height, width] if all(type(s) is int and 0 < s <= MAX_SIDE for s in (height, width)):
            try:
                runs = run_lengths(value.get("counts", []), height, width)
                return {"runs": runs, "size": (height, width)}
            except ValueError as error:
                raise Unusable("bad mask", f"mask cannot be read ({error})", remedy) from None
    raise Unusable("bad mask", "the mask's 'size' must be [height, width]", remedy)


def coco_files(folder: Path) -> list[Path]:
    """The COCO annotation files of a folder or its `annotations`, sorted by name.

    Where some are called `instances_...`, as COCO calls them, the others (captions, key points) are
    not among them.
    """
    places = [folder, folder / "annotations", *sorted(p for p in folder.glob("*") if p.is_dir())]
    files = dict.fromkeys(file for place in places for file in sorted(place.glob("*.json")))
    known = [file for file in files if file.name.startswith("instances_")]
    tried = islice(files, MOST_FILES)
    return known or [file for file in tried if json_holds(file, *_KEYS) and not is_kins_file(file)]


COCO = Format(
    name="coco",
    title="COCO",
    recognise=lambda path: bool(coco_files(path)) if path.is_dir() else json_holds(path, *_KEYS),
    splits=lambda path, images: file_splits(coco_files(path) if path.is_dir() else [path], images),
    read=lambda split, report: read_coco(split.labels, report),
    labels="file",
    suffixes=(".json",),  # without the keys it is damaged, or lists images alone
)
