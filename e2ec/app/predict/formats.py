"""The formats that predictions are written in: one table, a line a format.

Loads nothing: help lists the formats.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import chain
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from e2ec.results.contours import Contours

Classes = Mapping[int, str]
"""Class names by category id."""


@dataclass(frozen=True)
class Result:
    """The contours of one image, to be written.

    Attributes:
        image_id: 1, 2, ... in the order of the images.
        name: of the image: its path from the folder that all images have in common.
        stem: what its files are called, without a suffix: `image_list.ListedImage`.
        contours: found in it; their source is the name.
    """

    image_id: int
    name: str
    stem: str
    contours: Contours


@dataclass(frozen=True)
class ImageFormat:
    """A file an image, or several.

    Attributes:
        name: as `--to` has it.
        about: for people, in a few words.
        suffix: of the file that every image has, which is called like the image.
        files: path and bytes of every file of an image, `stem + suffix` among them.
        beside: what else the folder holds, by file name.
    """

    name: str
    about: str
    suffix: str
    files: Callable[[Result], Iterable[tuple[str, bytes]]]
    beside: Callable[[Classes], dict[str, bytes]] = lambda _: {}


@dataclass(frozen=True)
class SetFormat:
    """A few files for all images, put together at the end.

    Attributes:
        name, about: as of `ImageFormat`.
        files: path of every file, and its bytes in pieces; the results may be gone through
            several times.
    """

    name: str
    about: str
    files: Callable[[Iterable[Result], Classes], Iterable[tuple[str, Iterable[bytes]]]]


@dataclass(frozen=True)
class EditedFormat:
    """A file an image that people go on with: what they have changed is never written over.

    Attributes:
        name, about, suffix: as of `ImageFormat`.
        document: the JSON document of the contours, and the image's path from its folder.
    """

    name: str
    about: str
    suffix: str
    document: Callable[[Contours, str], dict[str, Any]]


def _json(value: Any) -> bytes:
    return json.dumps(value, allow_nan=False).encode() + b"\n"


def _json_list(values: Iterable[Any]) -> Iterator[bytes]:
    """A list, a value a line."""
    before = b"[\n"
    for value in values:
        yield before + _json(value).rstrip()
        before = b",\n"
    yield b"[]\n" if before == b"[\n" else b"\n]\n"


def _coco(results: Iterable[Result], classes: Classes) -> Iterator[tuple[str, Iterable[bytes]]]:
    """`images.json`, which says what the numbers mean, and `results.json`, for evaluators."""
    categories = _json([{"id": key, "name": name} for key, name in classes.items()]).rstrip()
    images = (
        {
            "id": result.image_id,
            "file_name": result.name,
            "width": result.contours.width,
            "height": result.contours.height,
        }
        for result in results
    )
    found = (
        entry
        for result in results
        for entry in result.contours.to_coco(result.image_id, segmentation="rle")
    )
    after = b', "annotations": [], "categories": ' + categories + b"}\n"
    yield "images.json", chain([b'{"images": '], _json_list(images), [after])
    yield "results.json", _json_list(found)


def _image_file(
    name: str, about: str, suffix: str, encode: Callable[[Contours], bytes]
) -> ImageFormat:
    """A format of one file an image."""

    def files(result: Result) -> Iterator[tuple[str, bytes]]:
        yield result.stem + suffix, encode(result.contours)

    return ImageFormat(name, about, suffix, files)


def _masks(contours: Contours) -> bytes:
    from e2ec.app.predict.label_image import label_image

    return label_image(contours)


def _classes_json(classes: Classes) -> dict[str, bytes]:
    from e2ec.app.predict.label_image import class_numbers

    numbers = class_numbers(tuple(classes))
    named = {numbers[key]: name for key, name in classes.items()}
    return {"classes.json": json.dumps(named, ensure_ascii=False, indent=1).encode() + b"\n"}


Format = ImageFormat | SetFormat | EditedFormat
FORMATS: dict[str, Format] = {
    format.name: format
    for format in (
        _image_file("json", "contours", ".json", lambda found: found.to_json().encode() + b"\n"),
        SetFormat("coco", "results of all images, and a list of these with their numbers", _coco),
        EditedFormat(
            "labelme",
            "to correct by hand; beside the images, or in --out",
            ".json",
            lambda found, image: found.to_labelme(image),
        ),
        _image_file(
            "geojson",
            "polygons in pixels, as QuPath reads them",
            ".geojson",
            lambda found: _json(found.to_geojson()),
        ),
        replace(
            _image_file("masks", "images of object numbers", ".png", _masks),
            beside=_classes_json,
        ),
    )
}
"""Every format by its name, the project's own first: what is added here, `e2ec predict` knows."""

if TYPE_CHECKING:
    FormatName = str
else:
    FormatName = Literal[tuple(FORMATS)]
