"""Results as files for the test servers of COCO and Cityscapes.

COCO (cocodataset.org/#upload) takes detections_SPLIT_NAME_results.zip with one JSON file of the
same name inside. Cityscapes takes a zip of what its evaluation script reads: one text file an image
with a line "MASK CLASS-ID CONFIDENCE" for each instance, and the masks as PNG images.

Results are the detections of `e2ec.metrics.coco_inputs.prepare_inputs`, which checks them: COCO
results whose masks are compressed run lengths.
"""

from __future__ import annotations

import io
import json
import re
import zipfile
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Any

import cv2
import numpy as np
from pycocotools import mask as coco_mask

from lib.errors import InputError
from lib.files import atomic_write_bytes

# Both formats separate names by spaces or put them into file names.
_PLAIN_NAME = re.compile(r"[A-Za-z0-9][\w.+-]*", re.ASCII)
_CITYSCAPES_ENDING = "_leftImg8bit"
_MASK_FOLDER = "masks"


def write_coco_submission(
    folder: str | Path, results: Iterable[Mapping[str, Any]], *, name: str
) -> Path:
    """Write detections_test-dev2017_NAME_results.zip for COCO's server into a folder.

    Args:
        folder: made where it does not exist.
        results: image_id, category_id, segmentation and score are written, counts as text.
        name: of the method: letters, digits, and . _ + - between.

    Returns:
        The path of the file.

    Raises:
        InputError: the name is unusable, or the file cannot be written.
    """
    _check_plain(name, f"{folder}: submission name {name!r}")
    stem = f"detections_test-dev2017_{name}_results"
    path = Path(folder) / f"{stem}.zip"
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive, archive.open(_entry(f"{stem}.json"), "w") as file:
        file.write(b"[")
        for number, result in enumerate(results):
            size, counts = result["segmentation"]["size"], result["segmentation"]["counts"]
            entry = {
                "image_id": result["image_id"],
                "category_id": result["category_id"],
                "segmentation": {
                    "size": list(size),
                    "counts": counts if isinstance(counts, str) else counts.decode("ascii"),
                },
                "score": result["score"],
            }
            file.write((",\n" if number else "\n").encode())
            file.write(json.dumps(entry, allow_nan=False).encode())
        file.write(b"\n]\n")
    atomic_write_bytes(path, buffer.getvalue())
    return path


def write_cityscapes_submission(
    path: str | Path, results: Iterable[Mapping[str, Any]], images: Iterable[Mapping[str, Any]]
) -> Path:
    """Write the zip for Cityscapes' server: see `cityscapes_files` for arguments and contents.

    Raises:
        InputError: an image is unusable, or the file cannot be written.
    """
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, data in cityscapes_files(results, images):
            archive.writestr(_entry(name), data)
    atomic_write_bytes(path, buffer.getvalue())
    return Path(path)


def cityscapes_files(
    results: Iterable[Mapping[str, Any]], images: Iterable[Mapping[str, Any]]
) -> Iterator[tuple[str, bytes]]:
    """Everything that the official evaluation of Cityscapes reads, name and content, one by one.

    For every image, with results or without, a text file CITY_SEQUENCE_FRAME.txt; for every
    instance a 1-bit PNG image of its mask in the folder masks. The masks of an image come before
    its text file. Results with an empty mask are left out: the evaluation skips them.

    Args:
        results: of these images; category ids are Cityscapes' class ids.
        images: COCO image entries (id, file_name) of all images of the split, named as Cityscapes
            names them: CITY/CITY_SEQUENCE_FRAME_leftImg8bit.png.

    Raises:
        InputError: an image's name is unusable, or two images have the same.
    """
    by_image: defaultdict[int, list[Mapping[str, Any]]] = defaultdict(list)
    for result in results:
        by_image[result["image_id"]].append(result)
    stems: set[str] = set()
    for image in images:
        stem = PurePosixPath(image["file_name"]).stem.removesuffix(_CITYSCAPES_ENDING)
        _check_plain(stem, f"image {image['id']} ({image['file_name']})")
        if stem in stems:
            raise InputError(f"image {image['id']} ({image['file_name']}): another has this name")
        stems.add(stem)
        lines: list[str] = []
        for result in by_image[image["id"]]:
            mask = coco_mask.decode(result["segmentation"])
            if mask.any():
                name = f"{_MASK_FOLDER}/{stem}_{len(lines)}.png"
                # All digits: rounded scores would be equal where they were not.
                lines.append(f"{name} {result['category_id']} {result['score']!r}\n")
                yield name, _png(mask)
        yield f"{stem}.txt", "".join(lines).encode("ascii")


def _check_plain(name: str, where: str) -> None:
    if not _PLAIN_NAME.fullmatch(name):
        raise InputError(f"{where}: a name for upload must be of letters, digits, . _ + and -")


def _entry(name: str) -> zipfile.ZipInfo:
    """An entry without the time of writing: the same results give the same file."""
    entry = zipfile.ZipInfo(name)
    entry.compress_type = zipfile.ZIP_DEFLATED
    entry.external_attr = 0o644 << 16
    return entry


def _png(mask: np.ndarray) -> bytes:
    _, data = cv2.imencode(".png", mask, [cv2.IMWRITE_PNG_BILEVEL, 1])
    return data.tobytes()
