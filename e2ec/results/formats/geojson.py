"""GeoJSON (RFC 7946): contours as features for map and microscopy viewers."""

from __future__ import annotations

from typing import Any

import numpy as np

from e2ec.results.contours import ContourInstance, Contours
from e2ec.results.formats.rounding import rounded_ring, rounded_score
from lib.geometry import signed_area


def feature_collection(contours: Contours, *, decimals: int | None = 2) -> dict[str, Any]:
    """One image's contours as a GeoJSON FeatureCollection in pixels.

    Positions are [x, y] in pixels of the image, not longitude and latitude; y grows downwards. A
    map viewer that draws y upwards shows the image mirrored top to bottom; viewers of images, such
    as QuPath, show it right. Rings are closed (the first position is repeated) and exterior rings
    follow RFC 7946 in the plane of the coordinates: counter-clockwise when y is drawn upwards, that
    is a positive shoelace sum, and therefore clockwise as seen on the image.

    An instance of one part is a Polygon, of several parts a MultiPolygon. Properties are class,
    class_index and score. The member "image" (a foreign member, which RFC 7946 allows) holds
    source, width and height. `decimals` are digits after the point, None keeps them all.
    """
    return {
        "type": "FeatureCollection",
        "image": {
            "source": contours.source,
            "width": contours.width,
            "height": contours.height,
        },
        "features": [_feature(instance, decimals) for instance in contours],
    }


def _feature(instance: ContourInstance, decimals: int | None) -> dict[str, Any]:
    polygons = [[closed_ring(part, decimals)] for part in instance.parts]
    geometry: dict[str, Any] = (
        {"type": "Polygon", "coordinates": polygons[0]}
        if len(polygons) == 1
        else {"type": "MultiPolygon", "coordinates": polygons}
    )
    return {
        "type": "Feature",
        "geometry": geometry,
        "properties": {
            "class": instance.class_name,
            "class_index": instance.label,
            "score": rounded_score(instance.score),
        },
    }


def closed_ring(part: np.ndarray, decimals: int | None) -> list[list[float]]:
    """An exterior ring: the part (N, 2) with a positive shoelace sum and the first point again."""
    # Reversed behind the first point, so that vertex 0 keeps its place.
    oriented = part if signed_area(part) >= 0 else np.concatenate([part[:1], part[:0:-1]])
    ring = rounded_ring(oriented, decimals)
    return [*ring, list(ring[0])]
