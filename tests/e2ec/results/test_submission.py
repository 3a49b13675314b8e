"""Files for the test servers: their names, their contents, and what servers cannot take."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from coco_scenes import as_coco_mask
from PIL import Image
from pycocotools import mask as coco_mask

from e2ec.metrics.coco_inputs import prepare_inputs
from e2ec.results.submission import write_cityscapes_submission, write_coco_submission
from lib.errors import InputError

HEIGHT, WIDTH = 20, 30
IMAGES = [
    {
        "id": number,
        "file_name": f"ulm/ulm_000000_00000{number}_leftImg8bit.png",
        "height": HEIGHT,
        "width": WIDTH,
    }
    for number in (1, 2, 3)
]
MASK = np.zeros((HEIGHT, WIDTH), np.uint8)
MASK[3:9, 5:20] = 1
MASK[5, 7] = 0


def result(**fields: Any) -> dict[str, Any]:
    entry = {"image_id": 2, "category_id": 26, "segmentation": as_coco_mask(MASK), "score": 1 / 3}
    return {**entry, "bbox": [5, 3, 15, 6], "area": 89.0, **fields}


def read(path: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None
        return {name: archive.read(name) for name in archive.namelist()}


def test_coco_file(tmp_path: Path) -> None:
    """One JSON file of the archive's name, with the four fields alone and all digits of scores."""
    path = write_coco_submission(tmp_path / "new", [result(), result(image_id=1)], name="e2ec-128")
    assert path == tmp_path / "new" / "detections_test-dev2017_e2ec-128_results.zip"
    ((name, data),) = read(path).items()
    assert name == "detections_test-dev2017_e2ec-128_results.json"
    first, second = json.loads(data)
    assert first == {
        "image_id": 2,
        "category_id": 26,
        "segmentation": as_coco_mask(MASK),
        "score": 1 / 3,
    }
    assert second["image_id"] == 1
    path = write_coco_submission(tmp_path, [], name="a")
    assert json.loads(read(path)["detections_test-dev2017_a_results.json"]) == []


def test_coco_counts_become_text(tmp_path: Path) -> None:
    """Counts as bytes (pycocotools) and as numbers (COCO's crowd regions), and polygons."""
    text = as_coco_mask(MASK)["counts"]
    # Down the columns: 5 columns and 3 rows of background, then 6 inside of every 20.
    numbers = [5 * 20 + 3, 6, 14, 6, 14, 2, 1, 3, *(12 * [14, 6]), 11 + 10 * 20]
    variants: list[Any] = [{"size": [20, 30], "counts": c} for c in (text.encode(), numbers)]
    variants.append([[5, 3, 20, 3, 20, 9, 5, 9]])
    results = [result(segmentation=segmentation) for segmentation in variants]
    truth = {"images": IMAGES, "annotations": [], "categories": [{"id": 26, "name": "car"}]}
    path = write_coco_submission(tmp_path, prepare_inputs(truth, results).detections, name="x")
    (data,) = read(path).values()
    masks = [entry["segmentation"] for entry in json.loads(data)]
    assert [mask["counts"] for mask in masks[:2]] == [text, text]
    assert coco_mask.decode(masks[2]).sum() == 15 * 6


def test_cityscapes_file(tmp_path: Path) -> None:
    """A text file for every image at the top, its masks, read as the official script reads them."""
    empty = as_coco_mask(np.zeros((HEIGHT, WIDTH), np.uint8))
    results = [
        result(),
        result(segmentation=empty),
        result(category_id=24, score=1.0, segmentation=as_coco_mask(1 - MASK)),
    ]
    files = read(write_cityscapes_submission(tmp_path / "out" / "x.zip", results, IMAGES))
    assert sorted(files) == [
        "masks/ulm_000000_000002_0.png",
        "masks/ulm_000000_000002_1.png",
        "ulm_000000_000001.txt",
        "ulm_000000_000002.txt",
        "ulm_000000_000003.txt",
    ]
    assert files["ulm_000000_000001.txt"] == b"" == files["ulm_000000_000003.txt"]
    assert files["ulm_000000_000002.txt"].decode() == (
        f"masks/ulm_000000_000002_0.png 26 {1 / 3!r}\nmasks/ulm_000000_000002_1.png 24 1.0\n"
    )
    for number, expected in enumerate((MASK, 1 - MASK)):
        image = Image.open(io.BytesIO(files[f"masks/ulm_000000_000002_{number}.png"]))
        np.testing.assert_array_equal(np.array(image.convert("L")) != 0, expected != 0)


def test_the_same_results_give_the_same_file(tmp_path: Path) -> None:
    first, second = (
        write_cityscapes_submission(tmp_path / name, [result()], IMAGES).read_bytes()
        for name in ("a.zip", "b.zip")
    )
    assert first == second


@pytest.mark.parametrize("name", ["", "a b", "../a", "a/b", "é", "-a", "a\n"])
def test_names_that_servers_cannot_take(tmp_path: Path, name: str) -> None:
    with pytest.raises(InputError, match="name for upload"):
        write_coco_submission(tmp_path, [], name=name)
    images = [{**IMAGES[0], "file_name": f"ulm/{name}_leftImg8bit.png"}]
    if "/" not in name:
        with pytest.raises(InputError, match="name for upload"):
            write_cityscapes_submission(tmp_path / "x.zip", [], images)


def test_images_of_the_same_name_are_refused(tmp_path: Path) -> None:
    images = [IMAGES[0], {**IMAGES[0], "id": 5, "file_name": "x/ulm_000000_000001_leftImg8bit.png"}]
    with pytest.raises(InputError, match=r"image 5 \(x/ulm.*another has this name"):
        write_cityscapes_submission(tmp_path / "x.zip", [], images)
