"""What of a heat map is ignored, gaussians by extent, and which parts are learned."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import cityscapes_tree
import numpy as np
import pytest
import torch
from label_scenes import write_scene
from numpy.testing import assert_allclose, assert_array_equal

from dataset.contour.heatmap import draw_extents
from dataset.contour.targets import Batch, TargetSettings, TrainingExample, build_example, collate
from dataset.formats.cityscapes import image_folder, read_cityscapes
from dataset.formats.coco.read import read_coco
from dataset.index.dataset import IndexedDataset
from dataset.loading.sample import Instance, Sample
from dataset.masks.run_lengths import encode_mask
from dataset.transforms.augmentation import AugmentationSettings
from e2ec.losses.focal import focal_loss

STILL = AugmentationSettings(crop_size=(128, 128), enabled=False)
IGNORING = TargetSettings(ignore_unlearned=True)


def rectangle(x0: float, y0: float, x1: float, y1: float) -> np.ndarray:
    return np.array([[x0, y0], [x1, y0], [x1, y1], [x0, y1]], dtype=np.float64)


def build(settings: TargetSettings, *instances: Instance, ignored: Any = ()) -> TrainingExample:
    sample = Sample(1, "x", np.zeros((128, 128, 3), np.uint8), list(instances), list(ignored))
    return build_example(sample, np.random.default_rng(0), STILL, settings, 3)


def cells(batch: Batch) -> torch.Tensor:
    assert batch.ignored_cells is not None
    return batch.ignored_cells


def test_crowds_and_small_parts_are_ignored_by_hand() -> None:
    """In cells: a crowd of class 2 as a mask over (4, 8)-(10, 12), another of polygons; an object
    of 1 x 2 cells, which is less than 5; and a large one, which is learned."""
    mask = np.zeros((128, 128), bool)
    mask[32:48, 16:40] = True
    crowds = [
        Instance(2, [], 1, encode_mask(mask)),
        Instance(2, [rectangle(80, 80, 88, 92)], 2),
    ]
    small = Instance(1, [rectangle(100, 4, 104, 12)], 3)
    large = Instance(1, [rectangle(20, 60, 60, 100)], 4)
    batch = collate([build(IGNORING, small, large, ignored=crowds), build(IGNORING)])
    drawn = cells(batch)
    assert drawn.shape == batch.heatmaps.shape
    expected = np.zeros((2, 3, 32, 32), bool)
    expected[0, 2, 8:12, 4:10] = expected[0, 2, 20:23, 20:22] = True
    expected[0, 1, 1:3, 25] = True
    # Cells that an edge only touches may count too.
    wider = torch.nn.functional.max_pool2d(torch.from_numpy(expected).float(), 3, 1, 1) > 0
    assert drawn[torch.from_numpy(expected)].all()
    assert not drawn[~wider].any()
    moved = batch.to("cpu")
    assert torch.equal(cells(moved), drawn)


def test_nothing_is_ignored_unless_asked() -> None:
    crowd = Instance(2, [rectangle(80, 80, 88, 92)], 2)
    one = build(TargetSettings(), Instance(1, [rectangle(9, 9, 12, 12)], 3), ignored=[crowd])
    batch = collate([one])
    assert one.ignored is None
    assert batch.ignored_cells is None
    assert batch.extents is None


def test_ignored_cells_have_no_gradient_and_positives_keep_theirs() -> None:
    """The loss is that of all other cells, even if a centre lies in an ignored region."""
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(1, 2, 6, 6, generator=generator, dtype=torch.float64, requires_grad=True)
    target = torch.rand(1, 2, 6, 6, generator=generator, dtype=torch.float64) * 0.9
    target[0, 0, 2, 2] = 1.0
    ignored = torch.zeros(1, 2, 6, 6, dtype=torch.bool)
    ignored[0, 0, 1:4, 1:4] = True
    loss = focal_loss(logits, target, ignored)
    loss.backward()
    assert logits.grad is not None
    left_out = ignored & (target < 1)
    assert (logits.grad[left_out] == 0).all()
    assert (logits.grad[~left_out] != 0).all()
    kept = ~left_out
    alone = focal_loss(logits[kept], target[kept])
    assert_allclose(loss.detach(), alone.detach())
    assert torch.equal(
        focal_loss(logits, target, torch.zeros_like(ignored)), focal_loss(logits, target)
    )


def test_samples_carry_the_crowds_of_coco(tmp_path: Path) -> None:
    index = read_coco(write_scene(tmp_path))
    data = IndexedDataset(tmp_path / "images", index)
    entries = json.loads((tmp_path / "labels.json").read_text())["annotations"]
    [crowd] = [entry for entry in entries if entry.get("iscrowd")]
    found = {sample.image_id: sample.ignored for sample in map(data.__getitem__, range(len(data)))}
    [one] = found.pop(crowd["image_id"])
    assert not any(found.values())
    assert one.runs is not None
    assert one.runs.tolist() == crowd["segmentation"]["counts"]
    assert data.category_ids[one.class_index] == crowd["category_id"]
    assert all(one.annotation_id != i.annotation_id for i in data[1].instances)


def test_groups_of_cityscapes_are_ignored(tmp_path: Path) -> None:
    """Cars at (120, 40)-(140, 50) in an image of 160 x 96, shown as it is: cells (30, 10)-(35, 13)
    of class 2; cells that an edge only touches may count too."""
    root = cityscapes_tree.write_tree(tmp_path)
    data = IndexedDataset(image_folder(root, "val"), read_cityscapes(root, "val"))
    still = AugmentationSettings(crop_size=(96, 160), enabled=False)
    example = build_example(data[0], np.random.default_rng(0), still, IGNORING, 8)
    drawn = cells(collate([example]))[0]
    assert drawn[2, 10:12, 30:35].all()
    drawn[2, 9:14, 29:36] = False
    assert not drawn.any()


def slow_extents(gaussians: Any, extents: Any, images: int, size: tuple[int, int, int]) -> Any:
    """Cell by cell, as the definition says."""
    maps = np.zeros((images, *size))
    for (image, c, cx, cy, _), (w, h) in zip(gaussians.tolist(), extents.tolist(), strict=True):
        sx, sy = 0.54 * w / 6, 0.54 * h / 6
        for y in range(size[1]):
            for x in range(size[2]):
                dx, dy = x - cx, y - cy
                if abs(dx) <= 3 * sx and abs(dy) <= 3 * sy:
                    exponent = (dx / sx) ** 2 / 2 + (dy / sy) ** 2 / 2
                    maps[image, c, y, x] = max(maps[image, c, y, x], math.exp(-exponent))
                elif dx == dy == 0:
                    maps[image, c, y, x] = 1
    return maps


@pytest.mark.parametrize("seed", range(3))
def test_gaussians_by_extent_are_as_defined(seed: int) -> None:
    """Of all sizes, over each other and over the borders."""
    rng = np.random.default_rng(seed)
    size, n = (2, 24, 30), 12
    centers = rng.integers(0, (30, 24), (n, 2))
    gaussians = torch.from_numpy(
        np.column_stack([rng.integers(0, 2, n), rng.integers(0, 2, n), centers, np.zeros(n, int)])
    )
    extents = torch.from_numpy(rng.uniform(0.5, 40, (n, 2)).astype(np.float32))
    drawn = draw_extents(gaussians, extents, 2, size)
    assert_allclose(drawn, slow_extents(gaussians, extents, 2, size), atol=1e-5)
    assert (drawn[tuple(gaussians[:, [0, 1, 3, 2]].T)] == 1).all()


def test_no_gaussian_and_a_flat_one() -> None:
    none = draw_extents(torch.zeros(0, 5, dtype=torch.int64), torch.zeros(0, 2), 1, (1, 4, 4))
    assert_array_equal(none, np.zeros((1, 1, 4, 4)))
    flat = draw_extents(torch.tensor([[0, 0, 2, 1, 9]]), torch.tensor([[0.0, 0.0]]), 1, (1, 4, 4))
    assert flat.sum() == flat[0, 0, 1, 2] == 1


def test_a_batch_is_drawn_by_extent() -> None:
    """A box of 40 x 20 pixels, 10 x 5 cells: deviations 0.9 and 0.45, two cells to the side
    exp(-(2 / 0.9) ** 2 / 2), one cell below exp(-(1 / 0.45) ** 2 / 2): the same."""
    wide = Instance(1, [rectangle(20, 40, 60, 60)], 1)
    batch = collate([build(TargetSettings(heatmap="extent"), wide)])
    heatmap = batch.heatmaps[0, 1]
    [[x, y]] = batch.centers.tolist()
    assert heatmap[y, x] == 1
    expected = math.exp(-((1 / 0.45) ** 2) / 2)
    assert_allclose([heatmap[y, x + 2], heatmap[y + 1, x]], [expected, expected], rtol=1e-5)
    assert heatmap[y, x + 3] == heatmap[y + 2, x] == 0
    assert collate([build(TargetSettings(heatmap="extent"))]).heatmaps.sum() == 0


def test_only_the_largest_part_of_every_object() -> None:
    """The others are background, small ones too; whole objects' centres stay."""
    two = Instance(0, [rectangle(0, 0, 20, 20), rectangle(40, 0, 80, 20)], 1)
    other = Instance(2, [rectangle(60, 60, 100, 100), rectangle(0, 60, 20, 80)], 2)
    everything = build(TargetSettings(), two, other)
    largest = build(TargetSettings(parts="largest"), two, other)
    assert everything.classes.tolist() == [0, 0, 2, 2]
    assert largest.classes.tolist() == [0, 2]
    assert torch.equal(largest.centers, everything.centers[[1, 2]])
    assert torch.equal(largest.object_centers, everything.object_centers[[1, 2]])
    assert len(largest.gaussians) == 2
    assert not cells(
        collate([build(TargetSettings(parts="largest", ignore_unlearned=True), two)])
    ).any()


@pytest.mark.parametrize("name", ["parts", "heatmap"])
def test_unknown_policies_are_refused(name: str) -> None:
    with pytest.raises(ValueError, match=f"{name} must be one of"):
        TargetSettings(**{name: "some"})  # type: ignore[arg-type]
