"""GeoJSON as QuPath (0.4 and later) reads and writes it: annotations with classes and colours.

QuPath puts (0, 0) at the top-left corner of the top-left pixel, as this project does.
https://qupath.readthedocs.io/en/stable/docs/advanced/exporting_annotations.html
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterable, Iterator
from typing import Any

from e2ec.results.draw.visualize import palette
from e2ec.results.formats.geojson import feature
from e2ec.results.formats.item import ImageResult
from e2ec.results.formats.notes import Notes
from e2ec.results.formats.options import FormatOptions

_NAMESPACE = uuid.uuid5(uuid.NAMESPACE_URL, "e2ec/qupath")


def qupath_files(
    items: Iterable[ImageResult], options: FormatOptions, notes: Notes
) -> Iterator[tuple[str, bytes]]:
    """`NAME.geojson` for every image: drop it on the image in QuPath."""
    for item in items:
        document = qupath_document(item, options, notes)
        yield f"{item.stem}.geojson", json.dumps(document, allow_nan=False).encode()


def qupath_document(item: ImageResult, options: FormatOptions, notes: Notes) -> dict[str, Any]:
    """One image's contours as a FeatureCollection of annotations.

    Every object has an id (a UUID, the same whenever the same outline is written for the same
    image), a classification with its name and its colour, and its score as a measurement. Holes are
    interior rings, several parts a MultiPolygon; polygons are valid (`valid_polygons.mend`), and
    objects without any area are left out.
    """
    contours = item.contours
    colors = palette(len(contours.class_names))
    features = []
    for index, instance in enumerate(contours):
        made = feature(instance, decimals=options.decimals)
        if made is None:
            notes.left_out["objects without any area"] += 1
            continue
        if made["properties"].get("mended"):
            notes.mended.append(made["properties"]["area_change_percent"])
        shape = json.dumps(made["geometry"])
        properties: dict[str, Any] = {
            "objectType": "annotation",
            "classification": {
                "name": instance.class_name,
                "color": list(colors[instance.label]),
            },
            "isLocked": False,
        }
        if not item.labels:
            properties["measurements"] = {"score": made["properties"]["score"]}
        features.append(
            {
                "type": "Feature",
                "id": str(uuid.uuid5(_NAMESPACE, f"{item.name}\n{index}\n{shape}")),
                "geometry": made["geometry"],
                "properties": properties,
            }
        )
    return {"type": "FeatureCollection", "features": features}
