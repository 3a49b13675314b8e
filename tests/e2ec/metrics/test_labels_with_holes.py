"""A label with a hole, taken as its own prediction, scores 1 in every metric, whatever its format.

The way is that of training and evaluation: data set -> sample -> result -> COCO results -> metric.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import cityscapes_tree
import kins_tree
import label_scenes
import numpy as np
import pytest
import sbd_tree
from coco_scenes import as_coco_mask, evaluate_sbd

from dataset.formats.cityscapes import image_folder, label_path, read_cityscapes
from dataset.formats.coco.read import read_coco
from dataset.formats.kins import read_kins
from dataset.formats.labelme.read import read_labelme
from dataset.formats.mask_folder import read_mask_folder
from dataset.formats.sbd.read import read_sbd
from dataset.formats.yolo.read import read_yolo
from dataset.index.dataset import IndexedDataset
from dataset.loading.sample import Sample
from e2ec.app.commands.convert import ConvertOptions, convert
from e2ec.metrics.cityscapes import evaluate_cityscapes
from e2ec.metrics.coco import evaluate_coco
from e2ec.results.labelled import labelled_contours

Results = list[dict[str, Any]]


def as_predictions(dataset: IndexedDataset, *, keep_runs: bool = True) -> Results:
    """The labels of every sample as results; without run lengths holes are filled."""
    results: Results = []
    for position in range(len(dataset)):
        sample = dataset[position]
        if not keep_runs:
            plain = [replace(instance, runs=None) for instance in sample.instances]
            sample = Sample(sample.image_id, sample.name, sample.image, plain)
        contours = labelled_contours(sample, dataset)
        results += contours.to_coco(sample.image_id, segmentation="rle")
    return results


def sbd(folder: Path) -> IndexedDataset:
    sbd_tree.write_sbd(folder)
    return IndexedDataset(folder / "img", read_sbd(folder, "train", names=sbd_tree.NAMES))


def kins(folder: Path) -> IndexedDataset:
    images, labels = kins_tree.write_kins(folder, 2020)
    document = json.loads(labels.read_text())
    mask = np.zeros((kins_tree.HEIGHT, kins_tree.WIDTH), bool)
    mask[20:70, 10:130] = True
    mask[30:60, 40:90] = False  # what is seen through the windows of a van
    document["annotations"][4] |= {"i_segm": as_coco_mask(mask), "i_area": int(mask.sum())}
    labels.write_text(json.dumps(document))
    return IndexedDataset(images, read_kins(labels, masks="visible"))


def coco(folder: Path) -> IndexedDataset:
    index = read_coco(label_scenes.write_scene(folder)).subset(image_ids=[12, 30])
    return IndexedDataset(folder / "images", index)


def converted(kind: str, folder: Path) -> Path:
    """The scene without the polygons that leave the image, in another format."""
    source = label_scenes.write_scene(folder / "source")
    document = json.loads(source.read_text())
    document["images"] = [image for image in document["images"] if image["id"] != 11]
    document["annotations"] = [a for a in document["annotations"] if a["image_id"] != 11]
    source.write_text(json.dumps(document))
    options = ConvertOptions(source, kind, folder / kind, copy_images=True)  # type: ignore[arg-type]
    convert(options)
    return folder / kind


def yolo(folder: Path) -> IndexedDataset:
    out = converted("yolo", folder)
    return IndexedDataset(out, read_yolo(out))


def labelme(folder: Path) -> IndexedDataset:
    out = converted("labelme", folder)
    return IndexedDataset(out, read_labelme(out))


def mask_folder(folder: Path) -> IndexedDataset:
    out = converted("masks", folder)
    return IndexedDataset(out / "images", read_mask_folder(out / "images", out / "masks"))


@pytest.mark.parametrize("make", [sbd, kins, coco, yolo, labelme, mask_folder])
def test_coco_and_sbd_metrics(make: Callable[[Path], IndexedDataset], tmp_path: Path) -> None:
    dataset = make(tmp_path)
    truth, results = dataset.ground_truth(), as_predictions(dataset)
    for score in (evaluate_coco, evaluate_sbd):
        metrics = score(truth, results)
        wanted = {k: v for k, v in metrics.items() if v is not None}
        assert wanted == pytest.approx(dict.fromkeys(wanted, 1.0)), score
    filled = evaluate_coco(truth, as_predictions(dataset, keep_runs=False))
    assert filled["segm/AP"] < 1  # the scene has a hole, so this test can fail


def test_the_official_evaluation_of_cityscapes(tmp_path: Path) -> None:
    """A car with another thing painted in its middle, from images of ids and from polygons."""
    name = "frankfurt/frankfurt_000000_000294"
    scene = [
        cityscapes_tree.SKY,
        cityscapes_tree.ROAD,
        cityscapes_tree.box("car", 30, 30, 89, 89),
        cityscapes_tree.box("building", 45, 45, 74, 74),
    ]
    cityscapes_tree.write_scene(tmp_path, "val", name, scene)
    for labels in ("instance_ids", "polygons"):
        index = read_cityscapes(tmp_path, "val", labels=labels)  # type: ignore[arg-type]
        dataset = IndexedDataset(image_folder(tmp_path, "val"), index)
        truth = dataset.ground_truth()
        paths = {1: label_path(tmp_path, "val", truth["images"][0]["file_name"], "instance_ids")}

        def score(results: Results, truth: Any = truth, paths: Any = paths) -> float | None:
            work = tmp_path / "work"
            return evaluate_cityscapes(results, truth["images"], paths, work)["official/AP"]

        results = as_predictions(dataset)
        assert score(results) == pytest.approx(1.0)
        assert evaluate_coco(truth, results)["boundary/AP"] == pytest.approx(1.0)
        # Filled, 2,700 of 3,600 pixels are right: IoU 0.75 is above 0.50, 0.55, ..., 0.70.
        assert score(as_predictions(dataset, keep_runs=False)) == pytest.approx(0.5)
