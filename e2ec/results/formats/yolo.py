"""YOLO segmentation labels: a line an object, its outline as shares of the image's size."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import numpy as np
import yaml

from dataset.masks.rings import join_rings
from e2ec.results.formats.item import ImageResult
from e2ec.results.formats.notes import Notes
from e2ec.results.formats.options import FormatOptions
from e2ec.results.formats.prepare import outlines
from e2ec.results.formats.rounding import rounded
from e2ec.results.postprocess.valid_polygons import Component
from lib.polygons.geometry import area, clip_far, clip_to_box


def yolo_files(
    items: Iterable[ImageResult], options: FormatOptions, notes: Notes
) -> Iterator[tuple[str, bytes]]:
    """`labels/NAME.txt` for every image, and `data.yaml` with the classes and `images` as the place
    of the images.

    Parts and holes are one polygon, joined by bridges; what lies outside of the image is cut off.
    Crowd regions are left out. There is no place for scores.
    """
    classes: dict[str, list[object]] = {"names": [], "category_ids": []}
    for item in items:
        contours = item.contours
        classes = {"names": [*contours.class_names], "category_ids": [*contours.category_ids]}
        yield f"labels/{item.stem}.txt", "".join(yolo_lines(item, options, notes)).encode()
    places = "train: images\nval: images\n"
    text = yaml.safe_dump(classes, sort_keys=False, allow_unicode=True)
    yield "data.yaml", (places + text).encode()


def yolo_lines(item: ImageResult, options: FormatOptions, notes: Notes) -> Iterator[str]:
    """The lines of an image: class index and outline; what has none is left out."""
    contours = item.contours
    for index, label in enumerate(contours.labels.tolist()):
        if item.is_crowd(index):
            notes.left_out["crowd regions"] += 1
            continue
        size = (contours.height, contours.width)
        text = yolo_coordinates(outlines(contours, index), *size, options.decimals)
        if text:
            yield f"{label} {text}\n"
        else:
            notes.left_out["objects without any area in the image"] += 1


def yolo_coordinates(
    components: Sequence[Component], height: int, width: int, decimals: int | None = None
) -> str:
    """The numbers of a line, with all digits: bridges are walked back exactly. Empty for none.

    YOLO's coordinates are those of this project divided by the size of the image.

    Args:
        components: parts with their holes, (N, 2), x then y, pixels.
        height, width: of the image, pixels.
        decimals: digits after the point of the pixels before they are divided; None keeps all.
    """
    visible = [
        (clip_to_box(rounded(clip_far(outer, width, height), decimals), width, height), holes)
        for outer, holes in components
    ]
    visible = [(outer, holes) for outer, holes in visible if area(outer) > 0]
    if not visible:
        return ""
    size = np.array([width, height])
    divided = [
        (outer / size, [rounded(hole, decimals) / size for hole in holes])
        for outer, holes in visible
    ]
    return " ".join(map(repr, join_rings(divided).ravel().tolist()))
