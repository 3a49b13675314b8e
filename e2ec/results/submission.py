"""Results as files for the test servers of COCO and Cityscapes.

COCO (cocodataset.org/#upload) takes detections_SPLIT_NAME_results.zip with one JSON file of the
same name inside. Cityscapes takes a zip of what its evaluation script reads: one text file an image
with a line "MASK CLASS-ID CONFIDENCE" for each instance, and the masks as PNG images.
"""

from __future__ import annotations

import io
import json
import math
import re
import zipfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from numbers import Real
from pathlib import Path, PurePosixPath
from typing import Any, Literal

import cv2
import numpy as np
from pycocotools import mask as coco_mask

from dataset.masks.run_lengths import decode_mask, run_lengths
from lib.errors import InputError
from lib.files import atomic_write_bytes

CocoSplit = Literal["test-dev2017", "val2017"]
# Both formats separate names by spaces or put them into file names.
_PLAIN_NAME = re.compile(r"[A-Za-z0-9][\w.+-]*", re.ASCII)
_CITYSCAPES_ENDING = "_leftImg8bit"
_MASK_FOLDER = "masks"


def write_coco_submission(
    folder: str | Path,
    results: Iterable[Mapping[str, Any]],
    *,
    name: str,
    split: CocoSplit = "test-dev2017",
) -> Path:
    """Write detections_SPLIT_NAME_results.zip for COCO's server into a folder.

    Args:
        folder: made where it does not exist.
        results: COCO results with run-length masks, as `Contours.to_coco(segmentation="rle")`
            gives them; image_id, category_id, segmentation and score are written, counts as text.
        name: of the method: letters, digits, and . _ + - between.
        split: what the results are for.

    Returns:
        The path of the file.

    Raises:
        InputError: the name or a result is unusable, or the file cannot be written.
    """
    _check_plain(name, f"{folder}: submission name {name!r}")
    stem = f"detections_{split}_{name}_results"
    path = Path(folder) / f"{stem}.zip"
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive, archive.open(_entry(f"{stem}.json"), "w") as file:
        file.write(b"[")
        for number, result in enumerate(results):
            entry = _coco_entry(result, f"results: entry {number}")
            file.write((",\n" if number else "\n").encode())
            file.write(json.dumps(entry, allow_nan=False).encode())
        file.write(b"\n]\n")
    atomic_write_bytes(path, buffer.getvalue())
    return path


def write_cityscapes_submission(
    path: str | Path, results: Sequence[Mapping[str, Any]], images: Sequence[Mapping[str, Any]]
) -> Path:
    """Write the zip for Cityscapes' server: see `cityscapes_files` for arguments and contents.

    Raises:
        InputError: an image or result is unusable, or the file cannot be written.
    """
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, data in cityscapes_files(results, images):
            archive.writestr(_entry(name), data)
    atomic_write_bytes(path, buffer.getvalue())
    return Path(path)


def cityscapes_files(
    results: Sequence[Mapping[str, Any]], images: Sequence[Mapping[str, Any]]
) -> Iterator[tuple[str, bytes]]:
    """Everything that the official evaluation of Cityscapes reads, name and content, one by one.

    For every image, with results or without, a text file CITY_SEQUENCE_FRAME.txt; for every
    instance a 1-bit PNG image of its mask in the folder masks. The masks of an image come before
    its text file. Results with an empty mask are left out: the evaluation skips them.

    Args:
        results: COCO results with run-length masks; category ids are Cityscapes' class ids.
        images: COCO image entries (id, file_name, width, height) of all images of the split,
            named as Cityscapes names them: CITY/CITY_SEQUENCE_FRAME_leftImg8bit.png.

    Raises:
        InputError: an image or result is unusable; two images have the same name.
    """
    by_image: dict[Any, list[tuple[int, Mapping[str, Any]]]] = {i["id"]: [] for i in images}
    for number, result in enumerate(results):
        if result.get("image_id") not in by_image:
            raise InputError(
                f"results: entry {number}: image_id {result.get('image_id')!r} is not in the images"
            )
        by_image[result["image_id"]].append((number, result))
    stems: set[str] = set()
    for image in images:
        stem = PurePosixPath(image["file_name"]).stem.removesuffix(_CITYSCAPES_ENDING)
        _check_plain(stem, f"image {image['id']} ({image['file_name']})")
        if stem in stems:
            raise InputError(f"image {image['id']} ({image['file_name']}): another has this name")
        stems.add(stem)
        lines: list[str] = []
        for number, result in by_image[image["id"]]:
            where = f"results: entry {number}"
            category_id, score = _category_and_score(result, where)
            mask = decode_mask(
                _lengths(result, int(image["height"]), int(image["width"]), where),
                int(image["height"]),
                int(image["width"]),
            )
            if mask.any():
                name = f"{_MASK_FOLDER}/{stem}_{len(lines)}.png"
                # All digits: rounded scores would be equal where they were not.
                lines.append(f"{name} {category_id} {score!r}\n")
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


def _category_and_score(result: Mapping[str, Any], where: str) -> tuple[int, float]:
    category_id, score = result.get("category_id"), result.get("score")
    if not isinstance(category_id, int):
        raise InputError(f'{where}: "category_id" must be a whole number, not {category_id!r:.40}')
    if not isinstance(score, Real) or not math.isfinite(score):
        raise InputError(f'{where}: "score" must be a finite number, not {score!r:.40}')
    return category_id, float(score)


def _coco_entry(result: Mapping[str, Any], where: str) -> dict[str, Any]:
    category_id, score = _category_and_score(result, where)
    segmentation = result.get("segmentation")
    if not isinstance(result.get("image_id"), int):
        raise InputError(f'{where}: "image_id" must be a whole number')
    if not isinstance(segmentation, Mapping) or not _is_size(segmentation.get("size")):
        raise InputError(f'{where}: "segmentation" must be run lengths, a size and counts')
    height, width = segmentation["size"]
    counts = segmentation.get("counts")
    if isinstance(counts, bytes):
        counts = counts.decode("ascii")
    elif not isinstance(counts, str):
        lengths = _lengths(result, height, width, where).tolist()
        compressed = coco_mask.frPyObjects(
            {"size": [height, width], "counts": lengths}, height, width
        )
        counts = compressed["counts"].decode("ascii")
    return {
        "image_id": result["image_id"],
        "category_id": category_id,
        "segmentation": {"size": [height, width], "counts": counts},
        "score": score,
    }


def _is_size(size: Any) -> bool:
    return isinstance(size, Sequence) and [*map(type, size)] == [int, int] and min(size) > 0


def _lengths(result: Mapping[str, Any], height: int, width: int, where: str) -> np.ndarray:
    """The checked run lengths of a result's mask."""
    segmentation = result.get("segmentation")
    if not isinstance(segmentation, Mapping) or not _is_size(segmentation.get("size")):
        raise InputError(f'{where}: "segmentation" must be run lengths, a size and counts')
    if list(segmentation["size"]) != [height, width]:
        raise InputError(
            f"{where}: mask size {segmentation.get('size')} is not the image's {[height, width]}"
        )
    try:
        return run_lengths(segmentation["counts"], height, width)
    except (KeyError, UnicodeEncodeError, ValueError, OverflowError) as error:
        raise InputError(f"{where}: the mask's run lengths are malformed") from error


def _png(mask: np.ndarray) -> bytes:
    _, data = cv2.imencode(".png", mask.astype(np.uint8), [cv2.IMWRITE_PNG_BILEVEL, 1])
    return data.tobytes()
