"""CVAT for images 1.1: one XML file for all images, with polygons and masks.

https://docs.cvat.ai/docs/dataset_management/formats/format-cvat/. CVAT puts (0, 0) at the top-left
corner of the top-left pixel, as this project does, so the coordinates of polygons are the same. The
run lengths of a mask are those of its box: row by row, background first, `left` and `top` being its
first pixel.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from xml.etree import ElementTree

import cv2
import numpy as np

from dataset.masks.run_lengths import encode_mask
from e2ec.results.draw.visualize import palette
from e2ec.results.formats.item import ImageResult
from e2ec.results.formats.notes import Notes
from e2ec.results.formats.options import FormatOptions
from e2ec.results.formats.rounding import SCORE_DECIMALS, rounded
from e2ec.results.formats.xml_text import xml_bytes, xml_text
from e2ec.results.masks import exact_mask


def cvat_files(
    items: Iterable[ImageResult], options: FormatOptions, notes: Notes
) -> Iterator[tuple[str, bytes]]:
    """`annotations.xml`.

    An object without holes is a polygon, its parts are polygons of one `group_id`; one with holes
    is a mask, as CVAT's polygons have none, and so are exact masks. Scores and crowd regions are
    attributes, which CVAT reads where the labels of its task have attributes of these names.
    """
    root = ElementTree.Element("annotations")
    ElementTree.SubElement(root, "version").text = "1.1"
    meta = ElementTree.SubElement(root, "meta")
    names: tuple[str, ...] = ()
    scored = crowds = False
    count = 0
    for count, item in enumerate(items, start=1):
        names = item.contours.class_names
        scored |= not item.labels
        crowds |= any(item.crowd)
        root.append(_image(item, count - 1, options, notes))
    _fill_meta(meta, names, count, scored, crowds)
    yield "annotations.xml", xml_bytes(root)


def _fill_meta(
    meta: ElementTree.Element, names: tuple[str, ...], images: int, scored: bool, crowds: bool
) -> None:
    """What CVAT says of a task: its size and its labels with their colours and attributes."""
    task = ElementTree.SubElement(meta, "task")
    _texts(task, size=str(images), mode="annotation")
    labels = ElementTree.SubElement(task, "labels")
    for name, color in zip(names, palette(len(names)), strict=True):
        label = ElementTree.SubElement(labels, "label")
        _texts(label, name=xml_text(name), color="#{:02x}{:02x}{:02x}".format(*color), type="any")
        attributes = ElementTree.SubElement(label, "attributes")
        if scored:
            entry = ElementTree.SubElement(attributes, "attribute")
            _texts(entry, name="score", mutable="False", input_type="text")
            _texts(entry, default_value="", values="")
        if crowds:
            entry = ElementTree.SubElement(attributes, "attribute")
            _texts(entry, name="crowd", mutable="False", input_type="checkbox")
            _texts(entry, default_value="false", values="false")


def _texts(parent: ElementTree.Element, **texts: str) -> None:
    for tag, text in texts.items():
        ElementTree.SubElement(parent, tag).text = text


def _image(
    item: ImageResult, number: int, options: FormatOptions, notes: Notes
) -> ElementTree.Element:
    contours = item.contours
    size = {"width": str(contours.width), "height": str(contours.height)}
    image = ElementTree.Element("image", {"id": str(number), "name": xml_text(item.name), **size})
    groups = 0
    for index, instance in enumerate(contours):
        common = {
            "label": xml_text(instance.class_name),
            "source": "manual" if item.labels else "auto",
            "occluded": "0",
        }
        shapes: list[ElementTree.Element] = []
        if instance.runs is not None or any(instance.holes):
            mask = exact_mask(contours, index)
            if not mask.any():
                notes.left_out["objects that cover no pixel of the image"] += 1
                continue
            shapes.append(ElementTree.SubElement(image, "mask", common | _mask(mask)))
        else:
            if len(instance.parts) > 1:
                groups += 1
                common["group_id"] = str(groups)
            for part in instance.parts:
                points = _points(part, options.decimals)
                attributes = {**common, "points": points}
                shapes.append(ElementTree.SubElement(image, "polygon", attributes))
        for shape in shapes:
            shape.set("z_order", "0")
            if not item.labels:
                score = repr(round(instance.score, SCORE_DECIMALS))
                ElementTree.SubElement(shape, "attribute", name="score").text = score
            if item.is_crowd(index):
                ElementTree.SubElement(shape, "attribute", name="crowd").text = "true"
    return image


def _points(part: np.ndarray, decimals: int | None) -> str:
    return ";".join(f"{x!r},{y!r}" for x, y in rounded(part, decimals).tolist())


def _mask(mask: np.ndarray) -> dict[str, str]:
    """The attributes of a mask (height, width) bool that is not empty."""
    left, top, width, height = cv2.boundingRect(mask.astype(np.uint8))
    # Row by row is column by column of the mask turned over.
    runs = encode_mask(mask[top : top + height, left : left + width].T)
    box = {"left": left, "top": top, "width": width, "height": height}
    return {"rle": ", ".join(map(str, runs.tolist()))} | {k: str(v) for k, v in box.items()}
