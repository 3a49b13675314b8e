"""What QuPath (0.4 and later) reads as objects, as JSON Schema: of it, what we write."""

from __future__ import annotations

from typing import Any

_POSITION = {"type": "array", "items": {"type": "number"}, "minItems": 2, "maxItems": 2}
_RING = {"type": "array", "items": _POSITION, "minItems": 4}
_POLYGON = {"type": "array", "items": _RING, "minItems": 1}
_BYTE = {"type": "integer", "minimum": 0, "maximum": 255}


def _geometry(kind: str, coordinates: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": {"type": {"const": kind}, "coordinates": coordinates},
        "required": ["type", "coordinates"],
        "additionalProperties": False,
    }


QUPATH_SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "type": {"const": "FeatureCollection"},
        "features": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {
                    "type": {"const": "Feature"},
                    "id": {
                        "type": "string",
                        "pattern": "^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$",
                    },
                    "geometry": {
                        "oneOf": [
                            _geometry("Polygon", _POLYGON),
                            _geometry(
                                "MultiPolygon", {"type": "array", "items": _POLYGON, "minItems": 2}
                            ),
                        ]
                    },
                    "properties": {
                        "type": "object",
                        "properties": {
                            "objectType": {"enum": ["annotation", "detection", "cell", "tile"]},
                            "isLocked": {"type": "boolean"},
                            "classification": {
                                "type": "object",
                                "properties": {
                                    "name": {"type": "string", "minLength": 1},
                                    "color": {
                                        "type": "array",
                                        "items": _BYTE,
                                        "minItems": 3,
                                        "maxItems": 3,
                                    },
                                },
                                "required": ["name", "color"],
                                "additionalProperties": False,
                            },
                            "measurements": {
                                "type": "object",
                                "additionalProperties": {"type": "number"},
                            },
                        },
                        "required": ["objectType", "classification"],
                        "additionalProperties": False,
                    },
                },
                "required": ["type", "id", "geometry", "properties"],
                "additionalProperties": False,
            },
        },
    },
    "required": ["type", "features"],
    "additionalProperties": False,
}
