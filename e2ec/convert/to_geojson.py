"""Writing GeoJSON, one file an image; holes are interior rings."""

from __future__ import annotations

import json

from e2ec.convert.job import Job, as_contours, label_names
from e2ec.results.formats.geojson import closed_ring, feature_collection


def write_geojson(job: Job) -> None:
    """A FeatureCollection an image, as `feature_collection` makes it.

    Features have two more properties: `category_id`, and `crowd` for crowd regions. Copied images
    lie beside the files.

    Raises:
        InputError: two images would share a file.
    """
    categories = job.source.index.categories
    labels = label_names(job.source.names, ".geojson")
    for (position, name, image, found), label in zip(job.images(), labels, strict=True):
        job.place_image(position, name)
        objects = job.outlined(found, image)
        contours = as_contours(objects, image, name, categories)
        document = feature_collection(contours, decimals=None)
        for feature, (annotation, parts) in zip(document["features"], objects, strict=True):
            geometry = feature["geometry"]
            single = geometry["type"] == "Polygon"
            polygons = [geometry["coordinates"]] if single else geometry["coordinates"]
            for polygon, (_, holes) in zip(polygons, parts, strict=True):
                # An interior ring runs against the exterior one.
                polygon += [closed_ring(hole, None)[::-1] for hole in holes]
            feature["properties"]["category_id"] = annotation.category_id
            if annotation.crowd:
                feature["properties"]["crowd"] = True
        job.write(label, json.dumps(document, allow_nan=False).encode())
