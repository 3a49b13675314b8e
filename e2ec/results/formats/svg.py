"""SVG: outlines that vector programs and browsers show.

The user space of SVG has (0, 0) at the top-left corner, y downwards; with the image's size as its
view box that is this project's convention.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from xml.etree import ElementTree

import numpy as np

from e2ec.results.draw.visualize import palette
from e2ec.results.formats.item import ImageResult
from e2ec.results.formats.notes import Notes
from e2ec.results.formats.options import FormatOptions
from e2ec.results.formats.rounding import SCORE_DECIMALS, rounded
from e2ec.results.formats.xml_text import xml_bytes, xml_text


def svg_files(
    items: Iterable[ImageResult], options: FormatOptions, notes: Notes
) -> Iterator[tuple[str, bytes]]:
    """`NAME.svg` for every image."""
    for item in items:
        yield f"{item.stem}.svg", xml_bytes(svg_document(item, options))


def svg_document(item: ImageResult, options: FormatOptions) -> ElementTree.Element:
    """One image's contours as an `svg` element of the size of the image.

    An object is a group (`g`) with its class, its index and its score in `data-` attributes, each
    of its parts a path with its holes, filled by the even-odd rule. The picture itself is not in
    it.
    """
    contours = item.contours
    width, height = str(contours.width), str(contours.height)
    root = ElementTree.Element(
        "svg",
        {
            "xmlns": "http://www.w3.org/2000/svg",
            "width": width,
            "height": height,
            "viewBox": f"0 0 {width} {height}",
        },
    )
    ElementTree.SubElement(root, "title").text = xml_text(item.name)
    colors = palette(len(contours.class_names))
    for index, instance in enumerate(contours):
        color = "#{:02x}{:02x}{:02x}".format(*colors[instance.label])
        group = ElementTree.SubElement(
            root,
            "g",
            {
                "id": f"object-{index}",
                "data-class": xml_text(instance.class_name),
                "fill": color,
                "fill-opacity": "0.3",
                "fill-rule": "evenodd",
                "stroke": color,
            },
        )
        if not item.labels:
            group.set("data-score", repr(round(instance.score, SCORE_DECIMALS)))
        if item.is_crowd(index):
            group.set("data-crowd", "true")
        for outer, holes in instance.components:
            path = " ".join(_ring(ring, options.decimals) for ring in (outer, *holes))
            ElementTree.SubElement(group, "path", d=path)
    return root


def _ring(points: np.ndarray, decimals: int | None) -> str:
    return "M" + " L".join(f"{x!r} {y!r}" for x, y in rounded(points, decimals).tolist()) + " Z"
