"""Writing GeoJSON, one file an image; holes are interior rings."""

from __future__ import annotations

import json

from e2ec.convert.job import Job, as_instances, label_names
from e2ec.results.formats.geojson import collection, feature


def write_geojson(job: Job) -> None:
    """A FeatureCollection an image, as `feature_collection` makes it.

    Features have two more properties: `category_id`, and `crowd` for crowd regions. Copied images
    lie beside the files. What is mended is noted in the job.

    Raises:
        InputError: two images would share a file.
    """
    categories = job.source.index.categories
    labels = label_names(job.source.names, ".geojson")
    for (position, name, image, found), label in zip(job.images(), labels, strict=True):
        job.place_image(position, name)
        objects = job.outlined(found)
        instances = as_instances(objects, image, name, categories)
        features = []
        for instance, annotation in zip(instances, objects, strict=True):
            made = feature(instance, decimals=None)
            if made is None:
                job.left_out["objects without any area"] += 1
                continue
            properties = made["properties"]
            if properties.get("mended"):
                job.mended.append(properties["area_change_percent"])
            properties["category_id"] = annotation.category_id
            if annotation.crowd:
                properties["crowd"] = True
            features.append(made)
        document = collection(instances, features)
        job.write(label, json.dumps(document, allow_nan=False).encode())
