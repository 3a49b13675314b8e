"""Writing a COCO annotation file."""

from __future__ import annotations

import json

from e2ec.convert.job import Job


def write_coco(job: Job) -> None:
    """`annotations.json`, with exact masks as run lengths; copied images lie in `images`.

    Where the data set is divided, `instances_train.json` and `instances_val.json`.
    """
    document = job.source.index.ground_truth()
    if job.changes:
        document["annotations"] = [
            annotation.to_coco(image) for _, _, image, found in job.images() for annotation in found
        ]
    for entry, name in zip(document["images"], job.source.names, strict=True):
        entry["file_name"] = name
    for position, name in enumerate(job.source.names):
        job.place_image(position, f"images/{name}")
    name = f"instances_{job.split}.json" if job.divided else "annotations.json"
    job.write(name, json.dumps(document, allow_nan=False).encode())
