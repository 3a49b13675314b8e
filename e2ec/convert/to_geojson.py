"""Writing GeoJSON, one file an image; holes are interior rings."""

from __future__ import annotations

import json

from e2ec.convert.job import Job, label_names
from e2ec.results.formats.geojson import collection, feature


def write_geojson(job: Job) -> None:
    """A FeatureCollection an image, as `feature_collection` makes it.

    Features have two more properties: `category_id`, and `crowd` for crowd regions. Copied images
    lie beside the files. What is mended is noted in the job.

    Raises:
        InputError: two images would share a file.
    """
    labels = label_names(job.source.names, ".geojson")
    for (position, item), label in zip(enumerate(job.items()), labels, strict=True):
        job.place_image(position, item.name)
        contours = item.contours
        features = []
        for index, instance in enumerate(contours):
            made = feature(instance, decimals=job.options.decimals)
            if made is None:
                job.left_out["objects without any area"] += 1
                continue
            properties = made["properties"]
            if properties.get("mended"):
                job.mended.append(properties["area_change_percent"])
            properties["category_id"] = contours.category_ids[instance.label]
            if item.is_crowd(index):
                properties["crowd"] = True
            features.append(made)
        document = collection(contours, features)
        job.write(label, json.dumps(document, allow_nan=False).encode())
