"""GeoJSON (RFC 7946): contours as features for map and microscopy viewers."""

from __future__ import annotations

from typing import Any

import numpy as np

from e2ec.results.formats.rounding import SCORE_DECIMALS, rounded
from e2ec.results.instances import ContourInstance, Instances
from e2ec.results.postprocess.valid_polygons import Component, mend, polygon_rings
from lib.polygons.geometry import signed_area


def feature_collection(contours: Instances, *, decimals: int | None = 2) -> dict[str, Any]:
    """One image's contours as a GeoJSON FeatureCollection in pixels.

    Positions are [x, y] in pixels of the image, not longitude and latitude; y grows downwards. A
    map viewer that draws y upwards shows the image mirrored top to bottom; viewers of images, such
    as QuPath, show it right. Rings are closed (the first position is repeated) and exterior rings
    follow RFC 7946 in the plane of the coordinates: counter-clockwise when y is drawn upwards, that
    is a positive shoelace sum, and therefore clockwise as seen on the image.

    An instance of one part is a Polygon, of several parts a MultiPolygon; holes are interior rings.
    Geometries are valid: contours that cross themselves are mended (`valid_polygons.mend`), and
    instances without any area are left out. Properties are class, class_index and score, and of
    what was mended `"mended": true` with area_change (square pixels) and area_change_percent. The
    member "image" (a foreign member, which RFC 7946 allows) holds source, width and height.
    `decimals` are digits after the point, None keeps them all.
    """
    features = [feature(instance, decimals=decimals) for instance in contours]
    return collection(contours, [found for found in features if found is not None])


def collection(contours: Instances, features: list[dict[str, Any]]) -> dict[str, Any]:
    """Features as the collection of the image that `contours` belong to."""
    return {
        "type": "FeatureCollection",
        "image": {
            "source": contours.source,
            "width": contours.width,
            "height": contours.height,
        },
        "features": features,
    }


def feature(instance: ContourInstance, *, decimals: int | None = 2) -> dict[str, Any] | None:
    """One instance as a feature, see `feature_collection`; None where it has no area."""
    components: list[Component] = list(instance.components)
    mended = mend(components, decimals=decimals)
    if mended.geometry.is_empty:
        return None
    if mended.changed:
        components = list(polygon_rings(mended.geometry))
    polygons = [
        # An interior ring runs against the exterior one.
        [_closed_ring(outer, decimals), *(_closed_ring(hole, decimals)[::-1] for hole in inner)]
        for outer, inner in components
    ]
    geometry: dict[str, Any] = (
        {"type": "Polygon", "coordinates": polygons[0]}
        if len(polygons) == 1
        else {"type": "MultiPolygon", "coordinates": polygons}
    )
    properties: dict[str, Any] = {
        "class": instance.class_name,
        "class_index": instance.label,
        "score": round(instance.score, SCORE_DECIMALS),
    }
    if mended.changed:
        properties["mended"] = True
        properties["area_change"] = round(mended.area_change, 2)
        properties["area_change_percent"] = round(mended.area_change_percent, 2)
    return {"type": "Feature", "geometry": geometry, "properties": properties}


def _closed_ring(part: np.ndarray, decimals: int | None) -> list[list[float]]:
    """An exterior ring: the part (N, 2) with a positive shoelace sum and the first point again."""
    # Reversed behind the first point, so that vertex 0 keeps its place.
    oriented = part if signed_area(part) >= 0 else np.concatenate([part[:1], part[:0:-1]])
    ring = rounded(oriented, decimals).tolist()
    return [*ring, list(ring[0])]
