"""Rings of any number and size on the way through the stage sharp."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest
import torch
from known_boundary import KnownBoundary, knows_nothing, refiner
from torch import Tensor

from dataset.formats.coco.read import read_coco
from dataset.masks.rasterize import annotation_mask
from e2ec.families import refine_rings as module
from e2ec.families.family import ShownImage
from e2ec.families.refine_rings import refine_rings
from network.sharp.settings import ClassifierSizes, EvolutionSettings
from network.sharp.sharp_contour import SharpContour

SHOWN = ShownImage((160, 160), np.array([[2.0, 0.0, 16.0], [0.0, 2.0, 8.0]]), None)
FEATURES = torch.zeros(1, 8, 96, 96)


def sharp(outside: object = knows_nothing) -> SharpContour:
    stage = SharpContour(8, stride=4, sizes=ClassifierSizes())
    stage.classifier = KnownBoundary(8, outside, SHOWN.matrix)  # type: ignore[arg-type]
    return stage


def circle(x: float, y: float, radius: float, count: int = 24) -> np.ndarray:
    angle = 2 * np.pi * np.arange(count) / count
    return np.stack([x + radius * np.cos(angle), y + radius * np.sin(angle)], axis=1)


def everything(sign: float) -> object:
    return lambda points: points.new_full(points.shape[:2], sign)


@torch.no_grad()
def refined(instances: list, outside: object, **evolution: object) -> list:
    settings = EvolutionSettings(**evolution)  # type: ignore[arg-type]
    return refine_rings(sharp(outside), FEATURES, SHOWN, instances, evolution=settings)


def test_rings_that_nothing_moves_are_the_ones_that_were_given() -> None:
    given = [[(circle(50, 50, 30), [circle(50, 50, 9)])], [(circle(99, 99, 20), [])]]
    found = refined(given, knows_nothing)
    assert found[0][0][0] is given[0][0][0] and found[0][0][1][0] is given[0][0][1][0]
    assert found[1][0][0] is given[1][0][0]


def test_parts_grow_and_holes_close_where_all_is_inside() -> None:
    """By 3 x 10 steps of 0.003 x 60 x 0.5 pixels, 2.7: every ring for itself, in image pixels."""
    given = [[(circle(60, 60, 30, 90), [circle(60, 60, 9, 60)]), (circle(45, 45, 3, 40), [])]]
    ((whole, small),) = refined(given, everything(-99.0))
    for ring, radius in ((whole[0], 32.7), (whole[1][0], 6.3)):
        # Where a ring of few corners shrinks by a third, vertices beside them cross.
        assert np.quantile(np.abs(np.hypot(*(ring - 60).T) - radius), 0.8) < 0.1
    assert np.abs(np.hypot(*(small[0] - 45).T) - 5.7).max() < 0.1


def test_rings_end_where_the_image_does() -> None:
    """A part in its lower right corner, of which the input shows 48 pixels more of padding: what
    is certain steps by 0.05 x sqrt(41 x 51) x 0.5 pixels, and the first step outside is the last.
    A part far from the border grows by all its steps."""
    part = np.array([[119.0, 109.0], [160.0, 109.0], [160.0, 160.0], [119.0, 160.0]])
    moved = refined([[(part, [])]], everything(-99.0), step=0.05, iterations=1)[0][0][0]
    step = 0.05 * np.sqrt(41 * 51) * 0.5
    assert (moved.max(0) > 160).all() and (moved.max(0) < 160 + 1.001 * step).all()
    grown = np.array([119, 109]) - moved.min(0)
    assert np.abs(grown - 10 * step).max() < 0.01


def test_rings_below_a_cell_rest_beside_a_larger_one() -> None:
    """A cell is 2 x 2 pixels of the image here; alone, a small object is refined too."""
    speck = circle(20, 20, 0.9)
    beside = refined([[(circle(60, 60, 30), []), (speck, [])]], everything(-99.0))
    assert beside[0][1][0] is speck and beside[0][0][0] is not speck
    alone = refined([[(speck, [])]], everything(-99.0))
    assert alone[0][0][0] is not speck


def test_a_ring_that_would_fall_apart_keeps_what_it_had() -> None:
    """Far steps push rings through themselves; what crosses its own middle is not taken."""
    ring = circle(60, 60, 10, 60)
    far = {"step": 0.2, "max_steps": 10, "iterations": 1}
    assert refined([[(ring, [])]], everything(99.0), **far)[0][0][0] is ring
    near = {"step": 0.02, "max_steps": 10, "iterations": 1}
    smaller = refined([[(ring, [])]], everything(99.0), **near)[0][0][0]
    assert np.abs(np.hypot(*(smaller - 60).T) - 8).max() < 0.1
    lost = refined([[(ring, [])]], lambda points: points[..., 0] * torch.nan)
    assert lost[0][0][0] is ring


def test_lines_and_points_are_kept() -> None:
    line = np.array([[0.0, 0.0], [9.0, 0.0], [4.0, 0.0]])
    point = np.ones((3, 2))
    found = refined([[(line, []), (point, [])], []], everything(-99.0))
    assert found[0][0][0] is line and found[0][1][0] is point and found[1] == []


def test_an_instance_does_not_depend_on_its_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    given = [
        [(circle(*rng.uniform(40, 110, 2), rng.uniform(3, 35), 40), [])] * (1 + k % 2)
        for k in range(12)
    ]

    def outside(points: Tensor) -> Tensor:
        return 4 * torch.sin(points[..., 0] / 9) + 4 * torch.cos(points[..., 1] / 7)

    together = refined(given, outside)
    monkeypatch.setattr(module, "_LARGEST_CALL", 300)
    for one, other in zip(together, refined(given, outside), strict=True):
        for (ring, _), (same, _) in zip(one, other, strict=True):
            assert np.abs(ring - same).max() < 1e-3


def test_vertices_by_the_length_of_a_ring(monkeypatch: pytest.MonkeyPatch) -> None:
    """128 on a small ring; on a long one at most a cell apart; never more than the limit."""
    noise = np.random.default_rng(0).uniform(0.8, 1.0, (6000, 1))
    jagged = 80 + 75 * noise * (circle(0, 0, 1, 6000))
    for ring, least, most in (
        (circle(60, 60, 12), 128, 128), (circle(80, 80, 78), 256, 512), (jagged, 4096, 4096),
    ):  # fmt: skip
        found = refined([[(ring, [])]], everything(-99.0))[0][0][0]
        assert least <= len(found) <= most
        if most < 4096:
            gaps = np.hypot(*(np.roll(found, -1, axis=0) - found).T)
            assert gaps.max() < 2.2


@pytest.mark.skipif("E2EC_DATA" not in os.environ, reason="needs the real images of E2EC_DATA")
def test_the_way_there_and_back_costs_real_masks_nearly_nothing() -> None:
    """Masks of photographs whose vertices move by thousandths of a pixel: what is lost is lost by
    tracing, smoothing, resampling and filling."""
    file = Path(os.environ["E2EC_DATA"]) / "coco_mini" / "annotations" / "instances_val2017.json"
    assert json.loads(file.read_text())["images"]
    index = read_coco(file, lambda problem: None)
    found: dict[str, list[float]] = {"small": [], "medium": [], "large": []}
    tiny = EvolutionSettings(max_steps=1, iterations=1)
    for position in range(0, len(index), 20):
        image = index.image(position)
        size = (image.height, image.width)
        masks = [
            annotation_mask(annotation, *size)
            for annotation in index.annotations(position)
            if not annotation.crowd
        ]
        masks = [mask for mask in masks if mask.any()]
        if not masks:
            continue
        model = refiner(lambda points: points.new_full(points.shape[:2], -0.01), size=size)
        back = model.refine(np.zeros((*size, 3), np.uint8), np.stack(masks), evolution=tiny)
        for mask, again in zip(masks, back, strict=True):
            scale = "small" if mask.sum() < 32**2 else "medium" if mask.sum() < 96**2 else "large"
            found[scale].append(float((mask & again).sum() / (mask | again).sum()))
    for scale, least in (("small", 0.995), ("medium", 0.997), ("large", 0.999)):
        assert len(found[scale]) > 10
        assert np.mean(found[scale]) > least, scale
        assert np.quantile(found[scale], 0.05) > 0.98, scale
