"""COCO data sets: classes, crowd regions, and every kind of bad input as one clear line."""

from __future__ import annotations

import copy
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from label_scenes import run_length
from numpy.testing import assert_array_equal
from pycocotools import mask as coco_mask
from pycocotools.coco import COCO

from dataset.formats.coco.read import read_coco
from dataset.index.dataset import IndexedDataset
from dataset.loading.sample import InstanceDataset
from lib.errors import InputError
from lib.images import write_image

SQUARE = [10.0, 10.0, 20.0, 10.0, 20.0, 20.5, 10.0, 20.5]


def document() -> dict[str, Any]:
    """Two images; category ids 90, 3, 17 out of order; a crowd region; an object of two parts."""
    shared = {"iscrowd": 0, "area": 100.0, "bbox": [10, 10, 10, 10.5]}
    return {
        "images": [
            {"id": 7, "file_name": "a.png", "width": 40, "height": 30},
            {"id": 2, "file_name": "sub/b.jpg", "width": 50, "height": 20},
        ],
        "categories": [
            {"id": 90, "name": "toothbrush"},
            {"id": 3, "name": "car"},
            {"id": 17, "name": "cat"},
        ],
        "annotations": [
            {"id": 1, "image_id": 7, "category_id": 90, "segmentation": [SQUARE], **shared},
            {
                "id": 2,
                "image_id": 7,
                "category_id": 3,
                "iscrowd": 1,
                "segmentation": {"size": [30, 40], "counts": [100, 50, 1050]},
            },
            {
                "id": 3,
                "image_id": 2,
                "category_id": 17,
                "segmentation": [[1, 1, 4, 1, 4, 4], [6, 6, 9, 6, 9, 9, 6, 9], [0, 0, 1, 1]],
            },
        ],
    }


def save(folder: Path, content: Any) -> Path:
    path = folder / "labels.json"
    path.write_text(json.dumps(content))
    return path


@pytest.fixture
def images(tmp_path: Path) -> Path:
    folder = tmp_path / "images"
    noise = np.random.default_rng(0)
    write_image(folder / "a.png", noise.integers(0, 255, (30, 40, 3), dtype=np.uint8))
    write_image(folder / "sub/b.jpg", noise.integers(0, 255, (20, 50, 3), dtype=np.uint8))
    return folder


def load(images: Path, content: Any) -> IndexedDataset:
    return IndexedDataset(images, read_coco(save(images.parent, content)))


def test_class_index_is_the_order_of_category_ids(images: Path) -> None:
    data = load(images, document())
    assert isinstance(data, InstanceDataset)
    assert data.category_ids == (3, 17, 90)
    assert data.class_names == ("car", "cat", "toothbrush")
    assert [i.class_index for i in data[0].instances] == [2]
    assert [i.class_index for i in data[1].instances] == [1]


def test_samples(images: Path) -> None:
    """Order of the file; parts of one object together; parts of two points dropped."""
    data = load(images, document())
    assert len(data) == 2
    assert data.image_ids == (7, 2)
    first, second = data[0], data[1]
    assert (first.image_id, first.name, first.image.shape) == (7, "a.png", (30, 40, 3))
    assert_array_equal(first.instances[0].parts, [np.reshape(SQUARE, (4, 2))])
    assert [len(part) for part in second.instances[0].parts] == [3, 4]
    assert second.instances[0].annotation_id == 3


def test_labels_end_with_the_image(images: Path) -> None:
    """A square half outside the 40 x 30 image, one with a part wholly outside, one outside."""
    content = document()
    outside = [40.0, 0, 50, 0, 50, 10, 40, 10]
    for key, polygons in enumerate(
        ([[35, 5, 45, 5, 45, 15, 35, 15]], [SQUARE, outside], [outside])
    ):
        content["annotations"].append(
            {"id": 10 + key, "image_id": 7, "category_id": 3, "segmentation": polygons}
        )
    found = {i.annotation_id: i for i in load(images, content)[0].instances}
    (clipped,) = found[10].parts
    assert sorted(map(tuple, clipped.tolist())) == [(35, 5), (35, 15), (40, 5), (40, 15)]
    assert_array_equal(found[11].parts, [np.reshape(SQUARE, (4, 2))])
    assert 12 not in found
    truth = {a["id"]: a for a in load(images, content).ground_truth()["annotations"]}
    assert truth[12]["segmentation"] == [outside]


def test_crowd_is_not_learned_but_stays_in_the_ground_truth(images: Path) -> None:
    data = load(images, document())
    assert [i.annotation_id for i in data[0].instances] == [1]
    truth = {a["id"]: a for a in data.ground_truth()["annotations"]}
    assert truth[2]["iscrowd"] == 1
    assert truth[2]["area"] == 50


def test_ground_truth_is_complete_and_accepted_by_pycocotools(images: Path) -> None:
    content = document()
    del content["annotations"][0]["id"]
    truth = load(images, content).ground_truth()
    json.dumps(truth)
    filled = {a["image_id"]: a for a in truth["annotations"] if not a["iscrowd"]}
    assert len({a["id"] for a in truth["annotations"]}) == 3
    assert filled[2]["area"] == pytest.approx(4.5 + 9)
    assert filled[2]["bbox"] == [1, 1, 8, 8]
    coco = COCO()
    coco.dataset = truth
    coco.createIndex()
    assert {i: int(coco.annToMask(a).sum()) for i, a in coco.anns.items()}[2] == 50


@pytest.mark.parametrize("compressed", [True, False])
def test_mask_objects_become_contours(images: Path, compressed: bool) -> None:
    mask = np.zeros((30, 40), dtype=np.uint8)
    mask[5:15, 5:20] = 1
    mask[20:25, 30:40] = 1
    counts: Any = coco_mask.encode(np.asfortranarray(mask))["counts"].decode()
    if not compressed:
        counts = run_length(mask)["counts"]
    content = document()
    content["annotations"][0]["segmentation"] = {"size": [30, 40], "counts": counts}
    (instance,) = load(images, content)[0].instances
    assert_array_equal(instance.parts[0], [[5, 5], [20, 5], [20, 15], [5, 15]])
    assert_array_equal(instance.parts[1], [[30, 20], [40, 20], [40, 25], [30, 25]])


def set_image(**values: Any) -> Callable[[dict[str, Any]], None]:
    return lambda content: content["images"][1].update(values)


def set_annotation(**values: Any) -> Callable[[dict[str, Any]], None]:
    return lambda content: content["annotations"][0].update(values)


def set_mask(size: list[int], counts: Any) -> Callable[[dict[str, Any]], None]:
    return set_annotation(segmentation={"size": size, "counts": counts})


BAD_DOCUMENTS: dict[str, tuple[Callable[[dict[str, Any]], None], str]] = {
    "no images": (lambda c: c.pop("images"), "not a COCO file.*images"),
    "annotations null": (lambda c: c.update(annotations=None), "not a COCO file.*annotations"),
    "no categories": (lambda c: c.pop("categories"), "not a COCO file.*categories"),
    "images of numbers": (lambda c: c.update(images=[1]), "not a COCO file.*images"),
    "empty categories": (lambda c: c.update(categories=[]), "categories"),
    "category twice": (lambda c: c["categories"][0].update(id=3), "category 3"),
    "unknown image": (set_annotation(image_id=8), "annotation 1.*image 8"),
    "unknown category": (set_annotation(category_id=4), "annotation 1.*category 4"),
    "category id missing": (set_annotation(category_id=None), "annotation 1.*category_id"),
    "annotation twice": (set_annotation(id=3), "annotation 3.*twice"),
    "image twice": (set_image(id=7), "image 7.*twice"),
    "image id a string": (set_image(id="2"), "image number 1.*whole number"),
    "climbs out": (set_image(file_name="../b.jpg"), r"image 2.*\.\./b\.jpg"),
    "climbs out inside": (set_image(file_name="sub/../../b.jpg"), "image 2.*folder"),
    "climbs out backwards": (set_image(file_name="..\\b.jpg"), "image 2.*folder"),
    "absolute": (set_image(file_name="/etc/passwd"), "image 2.*/etc/passwd"),
    "drive": (set_image(file_name="C:\\b.jpg"), "image 2.*folder"),
    "no file name": (set_image(file_name=None), "image 2.*file_name"),
    "no width": (set_image(width=None), "image 2.*width"),
    "zero height": (set_image(height=0), "image 2.*height"),
    "NaN": (set_annotation(segmentation=[[float("nan"), *SQUARE[1:]]]), "annotation 1.*NaN"),
    "infinity": (set_annotation(segmentation=[[float("inf"), *SQUARE[1:]]]), "annotation 1.*inf"),
    "too large": (set_annotation(segmentation=[[10**400, *SQUARE[1:]]]), "annotation 1.*range"),
    "text": (set_annotation(segmentation=[["1", *SQUARE[1:]]]), "annotation 1.*numbers"),
    "odd": (set_annotation(segmentation=[SQUARE[1:]]), "annotation 1.*odd"),
    "nested": (set_annotation(segmentation=[[SQUARE]]), "annotation 1.*numbers"),
    "flat": (set_annotation(segmentation=SQUARE), r"annotation 1.*\[\[x0, y0"),
    "texts": (set_annotation(segmentation=["5"]), r"annotation 1.*\[\[x0, y0"),
    "no segmentation": (set_annotation(segmentation=None), "annotation 1.*segmentation"),
    "mask of another size": (set_mask([40, 30], [0, 1200]), "annotation 1.*size"),
    "broken mask": (set_mask([30, 40], "P"), "annotation 1.*mask"),
    "mask with a huge length": (set_mask([30, 40], [10**400]), "annotation 1.*mask"),
    "short box": (set_annotation(bbox=[1, 2, 3]), "annotation 1.*bbox"),
    "area NaN": (set_annotation(area=float("nan")), "annotation 1.*area"),
    "crowd": (set_annotation(iscrowd="yes"), "annotation 1.*iscrowd"),
}


@pytest.mark.parametrize("name", BAD_DOCUMENTS)
def test_bad_labels_are_refused_in_one_line(images: Path, name: str) -> None:
    """The message names the file and the item."""
    damage, pattern = BAD_DOCUMENTS[name]
    content = copy.deepcopy(document())
    damage(content)
    with pytest.raises(InputError, match=pattern) as caught:
        load(images, content)
    assert "\n" not in str(caught.value)
    assert "labels.json" in str(caught.value)


def test_missing_folder_and_file(images: Path) -> None:
    with pytest.raises(InputError, match="nowhere"):
        IndexedDataset(images / "nowhere", read_coco(save(images.parent, document())))
    with pytest.raises(InputError, match=r"none\.json"):
        read_coco(images / "none.json")


def test_missing_bbox_area_crowd_and_empty_polygons_are_tolerated(images: Path) -> None:
    content = document()
    content["annotations"][0] = {"image_id": 7, "category_id": 3, "segmentation": [SQUARE]}
    content["annotations"].append({"image_id": 7, "category_id": 3, "segmentation": []})
    assert len(load(images, content)[0].instances) == 1


def test_annotations_without_an_id_are_named_by_their_position(images: Path) -> None:
    content = document()
    content["annotations"].insert(0, {"image_id": 7, "category_id": 99, "segmentation": [SQUARE]})
    with pytest.raises(InputError, match=r"labels\.json: annotation number 0: category 99"):
        load(images, content)


@pytest.mark.parametrize(
    ("position", "name", "damage", "what"),
    [
        (0, "a.png", Path.unlink, ""),
        (1, "sub/b.jpg", lambda path: path.write_bytes(path.read_bytes()[:200]), ""),
        (
            0,
            "a.png",
            lambda path: write_image(path, np.zeros((31, 40, 3), np.uint8)),
            ".*40 x 31.*40 x 30",
        ),
    ],
)
def test_images_that_cannot_be_used(
    images: Path, position: int, name: str, damage: Callable[[Path], None], what: str
) -> None:
    damage(images / name)
    with pytest.raises(InputError, match=f"{name}{what}"):
        load(images, document())[position]


@pytest.mark.skipif("E2EC_DATA" not in os.environ, reason="E2EC_DATA does not name real data")
def test_real_coco() -> None:
    """80 classes from the file, every image readable, no crowd region among the instances."""
    root = Path(os.environ["E2EC_DATA"]) / "coco_mini"
    path = root / "annotations/instances_val2017.json"
    data = IndexedDataset(root / "val2017", read_coco(path).subset(limit=20))
    assert len(data.class_names) == 80
    raw = json.loads(path.read_text())["annotations"]
    crowd = {a["id"] for a in raw if a["iscrowd"]}
    ours = {i.annotation_id for k in range(20) for i in data[k].instances}
    expected = {a["id"] for a in raw if a["image_id"] in data.image_ids}
    assert ours == expected - crowd
    assert {a["id"] for a in data.ground_truth()["annotations"]} == expected
