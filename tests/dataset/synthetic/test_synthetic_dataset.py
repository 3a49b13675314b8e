"""Synthetic scenes: repeatable, correctly labelled, split by occluders."""

from __future__ import annotations

import itertools
import json

import cv2
import numpy as np
import pytest
import shapely
from pycocotools.coco import COCO
from shapely.geometry import Polygon

from dataset.loading.sample import InstanceDataset
from dataset.synthetic.dataset import SyntheticDataset


def as_coco(data: SyntheticDataset) -> COCO:
    coco = COCO()
    coco.dataset = data.ground_truth()
    coco.createIndex()
    return coco


def test_sample_depends_on_seed_and_index_only() -> None:
    first, other_length = SyntheticDataset(3, seed=4)[2], SyntheticDataset(30, seed=4)[2]
    assert np.array_equal(first.image, other_length.image)
    assert all(
        np.array_equal(a.parts[0], b.parts[0])
        for a, b in zip(first.instances, other_length.instances, strict=True)
    )
    assert not np.array_equal(first.image, SyntheticDataset(3, seed=5)[2].image)
    assert not np.array_equal(first.image, SyntheticDataset(3, seed=4)[1].image)


def test_interface_and_sizes() -> None:
    data = SyntheticDataset(4, size=(40, 72), classes=7)
    assert isinstance(data, InstanceDataset)
    assert len(set(data.class_names)) == len(data.category_ids) == 7
    assert data.image_ids == (1, 2, 3, 4)
    sample = data[0]
    assert sample.image.shape == (40, 72, 3)
    assert sample.image.dtype == np.uint8
    for part in (p for i in sample.instances for p in i.parts):
        assert (part >= 0).all()
        assert (part <= (72, 40)).all()
    with pytest.raises(IndexError):
        data[4]


def test_ground_truth_matches_the_samples() -> None:
    data = SyntheticDataset(6)
    json.dumps(data.ground_truth())
    coco = as_coco(data)
    assert coco.getImgIds() == list(data.image_ids)
    for index, key in enumerate(data.image_ids):
        labels = {i.annotation_id: i for i in data[index].instances}
        assert set(coco.getAnnIds(imgIds=[key])) == set(labels)
        for annotation in coco.loadAnns(coco.getAnnIds(imgIds=[key])):
            mask_area = coco.annToMask(annotation).sum()
            assert mask_area == pytest.approx(annotation["area"], rel=0.15, abs=12)
            label = labels[annotation["id"]]
            assert data.category_ids[label.class_index] == annotation["category_id"]


def test_visible_parts_do_not_overlap() -> None:
    data = SyntheticDataset(20)
    for index in range(len(data)):
        shapes = [Polygon(p) for i in data[index].instances for p in i.parts]
        for a, b in itertools.combinations(shapes, 2):
            # An occluder wholly inside an object leaves no hole in its label.
            assert a.within(b) or b.within(a) or a.intersection(b).area < 1e-6


def test_occluders_split_objects_into_parts() -> None:
    annotations = SyntheticDataset(60).ground_truth()["annotations"]
    assert max(len(a["segmentation"]) for a in annotations) > 1


def test_bars_split_half_of_the_objects_and_change_nothing_else() -> None:
    data, plain = SyntheticDataset(100, occluders=True), SyntheticDataset(100)
    pieces = [len(a["segmentation"]) for a in data.ground_truth()["annotations"]]
    assert 0.4 < np.mean(np.array(pieces) > 1) < 0.6
    for index in range(10):
        with_bars, without = data[index], plain[index]
        visible = {i.annotation_id: i for i in without.instances}
        for instance in with_bars.instances:
            whole = shapely.union_all([Polygon(p) for p in visible[instance.annotation_id].parts])
            for part in instance.parts:
                assert Polygon(part).difference(whole.buffer(1e-6)).area < 1e-6
        changed = (with_bars.image != without.image).any(axis=2)
        assert 0 < changed.mean() < 0.5


def test_bars_are_not_in_the_labels() -> None:
    """What the bars paint over lies in no label, but for the pixels along its border."""
    data, plain = SyntheticDataset(8, occluders=True), SyntheticDataset(8)
    coco = as_coco(data)
    for index in range(8):
        sample = data[index]
        difference = np.abs(sample.image.astype(int) - plain[index].image.astype(int)).max(axis=2)
        bars = (difference > 0).astype(np.uint8)
        inner = cv2.erode(bars, np.ones((3, 3), np.uint8)) > 0
        annotations = coco.loadAnns(coco.getAnnIds(imgIds=[sample.image_id]))
        for mask in (coco.annToMask(a) for a in annotations):
            assert (mask.astype(bool) & inner).sum() <= 0.02 * mask.sum()


def test_labels_lie_on_the_painted_objects() -> None:
    """Inside a label the picture is more colourful than the greyish background."""
    data = SyntheticDataset(8)
    coco = as_coco(data)
    for index in range(8):
        sample = data[index]
        pixels = sample.image.astype(float)
        colourful = pixels.max(axis=2) - pixels.min(axis=2)
        ids = coco.getAnnIds(imgIds=[sample.image_id])
        inside = sum(coco.annToMask(a) for a in coco.loadAnns(ids)) > 0
        assert colourful[inside].mean() > 1.5 * colourful[~inside].mean()


@pytest.mark.parametrize("options", [{"classes": 0}, {"size": (8, 64)}, {"length": -1}])
def test_impossible_settings_are_refused(options: dict) -> None:
    with pytest.raises(ValueError, match="length"):
        SyntheticDataset(**{"length": 1, **options})
