"""CVAT for images 1.1: one XML file, `annotations.xml`, with polygons and masks.

https://docs.cvat.ai/docs/dataset_management/formats/format-cvat/. CVAT puts (0, 0) at the top-left
corner of the top-left pixel, as this project does. Polygons and masks of one image that have a
label and a `group_id` in common are the parts of one object; the attribute `crowd` marks a crowd
region. The run lengths of a mask are those of its box, row by row, background first.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

import numpy as np

from dataset.checks.problems import LeftOut, Report, Unusable, strict
from dataset.formats.format import Format, Split
from dataset.formats.labelme.shapes import Shape, merge_shapes
from dataset.index.builder import IndexBuilder
from dataset.index.inputs import check_image, given_points
from dataset.index.label_index import LabelIndex
from dataset.masks.run_lengths import decode_mask, run_lengths
from lib.errors import InputError
from lib.files import reading

FILE = "annotations.xml"
_HEAD = 4096  # bytes in which the first element begins
_CLOSED = ("polygon", "mask", "box")
_REMEDY = "correct or remove the shape"


def read_cvat(path: str | Path, *, report: Report = strict) -> LabelIndex:
    """Read the labels of an XML file; image names are as CVAT has them.

    Classes are the labels of the task, in order, numbered from 1; without a list all that occur,
    sorted. Boxes, lines, points and the like are left out.

    Args:
        path: the file.
        report: told every problem.

    Raises:
        InputError: the file is missing, not XML, or not of CVAT for images.
    """
    path = Path(path)
    root = _parse(path)
    if root.tag != "annotations" or root.find("track") is not None:
        raise InputError(f"{path}: not CVAT for images; export the task as 'CVAT for images 1.1'")
    builder = IndexBuilder(str(path), report)
    images = root.findall("image")
    meta = root.find("meta")
    names = [] if meta is None else [e.findtext("name", "") for e in meta.iter("label")]
    if not names:
        names = sorted(
            {shape.get("label", "") for image in images for shape in image if shape.tag in _CLOSED}
        )
    categories = {name: number for number, name in enumerate(dict.fromkeys(names), start=1)}
    for name, number in categories.items():
        builder.add_category(number, name)
    seen: set[str] = set()
    for number, image in enumerate(images, start=1):
        with builder.reading(path, f"image {image.get('name', number)!s:.200}"):
            _read_image(builder, path, image, number, categories, seen)
    return builder.finish()


def _parse(path: Path) -> ElementTree.Element:
    """The first element of an XML file.

    Raises:
        InputError: the file is missing or not XML, or defines entities.
    """

    class Builder(ElementTree.TreeBuilder):
        def doctype(self, name: str, pubid: str, system: str) -> None:
            raise InputError(f"{path}: has a document type, which CVAT does not write; remove it")

    try:
        with reading(path):
            data = path.read_bytes()
        return ElementTree.fromstring(data, ElementTree.XMLParser(target=Builder()))
    except (ElementTree.ParseError, LookupError, ValueError) as error:
        raise InputError(f"{path}: not XML ({error}); replace it by a complete copy") from error


def _read_image(
    builder: IndexBuilder,
    path: Path,
    image: ElementTree.Element,
    number: int,
    categories: dict[str, int],
    seen: set[str],
) -> None:
    """Add an image and its objects.

    Raises:
        Unusable: its name or size is.
    """
    name = (image.get("name") or "").replace("\\", "/")
    width, height = _whole(image, "width"), _whole(image, "height")
    check_image(name, width, height)
    if name in seen:
        raise Unusable("repeated image", "the image appears twice", "keep one of them")
    seen.add(name)
    builder.add_image(number, name, width, height)
    groups: dict[tuple[str, str], list[Shape]] = defaultdict(list)
    places: dict[tuple[str, str], list[str]] = defaultdict(list)
    for place, entry in enumerate(image):
        item = f"image {name}: shape {place}"
        with builder.reading(path, item):
            shape = _shape(entry, height, width)
            if shape.label not in categories:
                what = f"label {shape.label!r:.60} is not among the labels of the task"
                raise Unusable("unknown category", what, "add it to the labels, or correct it")
            group = entry.get("group_id") or "0"
            key = (shape.label, f"alone {place}" if group == "0" else group)
            groups[key].append(shape)
            places[key].append(str(place))
    for key, shapes in groups.items():
        polygons, runs = merge_shapes(shapes, height, width)
        with builder.reading(path, f"image {name}: shape {', '.join(places[key])}"):
            builder.add(
                id=None,
                image_id=number,
                category_id=categories[key[0]],
                crowd=any(shape.crowd for shape in shapes),
                polygons=polygons,
                runs=runs,
                size=None if runs is None else (height, width),
            )


def _shape(entry: ElementTree.Element, height: int, width: int) -> Shape:
    """A polygon or a mask.

    Raises:
        Unusable: "left out", a shape of another kind; else something in it.
    """
    if entry.tag not in ("polygon", "mask"):
        raise LeftOut("open shape", f"is a {entry.tag:.20}, which is no outline")
    attributes = {e.get("name"): (e.text or "").strip() for e in entry.findall("attribute")}
    label = entry.get("label") or ""
    crowd = attributes.get("crowd") == "true"
    if entry.tag == "polygon":
        return Shape(label, None, crowd, _points(entry.get("points") or ""))
    box = {key: _whole(entry, key) for key in ("left", "top", "width", "height")}
    if box["width"] * box["height"] > height * width:
        raise Unusable("mask size", "the mask is larger than its image", _REMEDY)
    try:
        counts = [int(text) for text in (entry.get("rle") or "").split(",")]
        # Row by row is column by column of the mask turned over.
        runs = run_lengths(counts, box["width"], box["height"])
    except ValueError as error:
        raise Unusable("bad mask", f"'rle' cannot be read ({error})"[:200], _REMEDY) from error
    mask = decode_mask(runs, box["width"], box["height"]).T
    return Shape(label, None, crowd, np.array([[box["left"], box["top"]]], float), mask)


def _points(text: str) -> np.ndarray:
    """(n, 2) float64 of "x,y;x,y;..."."""
    try:
        points = given_points([[float(x) for x in pair.split(",")] for pair in text.split(";")])
    except ValueError:
        points = None
    if points is None:
        raise Unusable("bad number", "'points' must be x,y;x,y;... with numbers", _REMEDY)
    return points


def _whole(entry: ElementTree.Element, name: str) -> int:
    try:
        return int(entry.get(name) or "")
    except ValueError:
        what = f"{name!r} must be a whole number, not {entry.get(name)!r:.40}"
        raise Unusable("bad number", what, "correct it") from None


def _recognise(path: Path) -> bool:
    file = path / FILE if path.is_dir() else path
    if file.suffix.lower() != ".xml" or not file.is_file():
        return False
    with reading(file), file.open("rb") as opened:
        return b"<annotations" in opened.read(_HEAD)


def _splits(path: Path, images: Path | None) -> Iterator[Split]:
    file = path / FILE if path.is_dir() else path
    yield Split(file.parent.name if path.is_dir() else file.stem, None, file, images)


CVAT = Format(
    name="cvat",
    title="CVAT for images",
    recognise=_recognise,
    splits=_splits,
    read=lambda split, report: read_cvat(split.labels, report=report),
    labels="file",
    suffixes=(".xml",),
)
