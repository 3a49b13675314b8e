"""Samples of an indexed data set keep the exact masks of their labels."""

from __future__ import annotations

from pathlib import Path

import label_scenes
import numpy as np
from label_scenes import HEIGHT, WIDTH, ring_mask

from dataset.formats.coco.read import read_coco
from dataset.formats.yolo.read import read_yolo
from dataset.index.dataset import IndexedDataset
from dataset.loading.sample import Sample
from dataset.masks.run_lengths import decode_mask
from lib.images import write_image


def two_png(folder: Path) -> Sample:
    """The image of the scene that has two masks, two objects of polygons and a crowd region."""
    index = read_coco(label_scenes.write_scene(folder)).subset(image_ids=[12])
    return IndexedDataset(folder / "images", index)[0]


def test_masks_are_those_of_the_labels_with_their_holes(tmp_path: Path) -> None:
    sample = two_png(tmp_path)
    runs = [instance.runs for instance in sample.instances]
    assert [entry is not None for entry in runs] == [True, True, False, False]
    for entry, mask in zip(runs, (ring_mask(), ring_mask()[::-1]), strict=False):
        assert entry is not None
        assert (decode_mask(entry, HEIGHT, WIDTH) == mask).all()


def test_a_mask_that_shows_nothing_is_none(tmp_path: Path) -> None:
    """A frame of a tenth of a pixel with a hole in it, between the centres of pixels."""
    write_image(tmp_path / "images" / "a.png", np.zeros((10, 10, 3), np.uint8))
    corners = [(0.1, 0.1), (0.11, 0.1), (0.11, 0.11), (0.1, 0.11), (0.1, 0.1)]
    hole = [(0.102, 0.102), (0.102, 0.108), (0.108, 0.108), (0.108, 0.102), (0.102, 0.102)]
    (tmp_path / "labels").mkdir()
    numbers = " ".join(f"{x} {y}" for x, y in [*corners, *hole])
    (tmp_path / "labels" / "a.txt").write_text(f"0 {numbers}\n")
    (tmp_path / "classes.txt").write_text("thing\n")
    index = read_yolo(tmp_path)
    (annotation,) = index.annotations(0)
    assert annotation.runs is not None and not annotation.runs[1::2].any()
    (instance,) = IndexedDataset(tmp_path, index)[0].instances
    assert instance.runs is None and len(instance.parts) == 1
