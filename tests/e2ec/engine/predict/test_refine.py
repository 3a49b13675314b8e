"""`Predictor.refine`: contours, masks and polygons in, the same form out, at the boundary."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest
from known_boundary import disc, knows_nothing, refiner, ring
from random_networks import random_network

from dataset.masks.run_lengths import encode_mask
from e2ec.engine.predict.predictor import Predictor
from e2ec.families.contour.card import ContourCard
from e2ec.results.contours import Contours
from lib.errors import InputError
from network.sharp.settings import EvolutionSettings

IMAGE = np.random.default_rng(0).integers(0, 256, (150, 200, 3), dtype=np.uint8)


def disc_mask(
    x: float, y: float, radius: float, *, size: tuple[int, int] = (150, 200)
) -> np.ndarray:
    rows, columns = np.mgrid[: size[0], : size[1]] + 0.5
    return (columns - x) ** 2 + (rows - y) ** 2 <= radius**2


def circle(x: float, y: float, radius: float, count: int = 40) -> np.ndarray:
    angle = 2 * np.pi * np.arange(count) / count
    return np.stack([x + radius * np.cos(angle), y + radius * np.sin(angle)], axis=1)


def iou(a: np.ndarray, b: np.ndarray) -> float:
    a, b = a != 0, b != 0
    return float((a & b).sum() / (a | b).sum())


def mixed() -> Contours:
    """A polygon with a hole, an exact mask, and a polygon in two parts."""
    return Contours(
        height=150, width=200, class_names=("cell", "rod"), category_ids=(7, 9), source="mine.png",
        labels=np.array([1, 0, 1]), scores=np.array([0.5, 0.25, 1.0]),
        parts=[[circle(60, 60, 40)], [], [circle(30, 120, 15), circle(160, 120, 20)]],
        holes=[[[circle(60, 60, 15)]], [], []],
        runs=[None, encode_mask(disc_mask(120, 70, 45)), None],
        track_ids=np.array([4, -1, 5]),
    )  # fmt: skip


@pytest.mark.parametrize("zoom", [0.5, 1.0, 1.7])
@pytest.mark.parametrize("kind", [np.bool_, np.uint8, np.int32])
def test_masks_reach_the_boundary_and_keep_their_type(zoom: float, kind: type) -> None:
    """A disc of the wrong place and size walks to the one that the classifier knows."""
    target = disc_mask(100, 75, 50)
    given = np.stack([disc_mask(102, 74, 52), np.zeros_like(target), disc_mask(99, 76, 48)])
    value = 1 if kind is np.bool_ else 3
    masks = given.astype(kind) * kind(value)
    before = masks.copy()
    model = refiner(disc(100, 75, 50), zoom=zoom)
    refined = model.refine(IMAGE, masks)
    assert refined.dtype == masks.dtype and refined.shape == masks.shape
    assert np.array_equal(masks, before)  # what is given is not written to
    assert not refined[1].any() and set(np.unique(refined)) == {0, value}
    for i in (0, 2):
        assert iou(given[i], target) < 0.94 < 0.985 < iou(refined[i], target)
    assert np.array_equal(model.refine(IMAGE, masks[0]), refined[0])


def test_what_is_inside_may_be_negative() -> None:
    mask = disc_mask(102, 74, 52)
    model = refiner(disc(100, 75, 50))
    assert np.array_equal(
        model.refine(IMAGE, -mask.astype(np.int8)), -1 * model.refine(IMAGE, mask)
    )


def test_an_image_of_labels_is_not_one_mask() -> None:
    """Its objects would come back as one."""
    labels = disc_mask(50, 75, 20) + 2 * disc_mask(150, 75, 20)
    with pytest.raises(ValueError, match=r"mask 0 holds several numbers.*one mask an instance"):
        refiner().refine(IMAGE, labels)


def test_a_hole_walks_the_other_way() -> None:
    """It opens where it is too small; without directions of its own it would close."""
    target = disc_mask(100, 75, 60) & ~disc_mask(100, 75, 25)
    given = disc_mask(101, 75, 58) & ~disc_mask(100, 74, 22)
    refined = refiner(ring(100, 75, 25, 60)).refine(IMAGE, given[None])[0]
    assert iou(given, target) < 0.9 < 0.98 < iou(refined, target)
    assert not refined[75, 100]


def test_polygons_come_back_as_polygons() -> None:
    model = refiner(disc(100, 75, 50))
    whole, parts = circle(101, 75, 52), [circle(99, 74, 48), circle(100, 75, 53)]
    refined = model.refine(IMAGE, [whole, parts])
    assert isinstance(refined[0], np.ndarray) and len(refined[1]) == 2
    for ring_ in (refined[0], *refined[1]):
        assert len(ring_) >= 128
        away = np.hypot(*(ring_ - [100, 75]).T) - 50
        assert np.abs(away).max() < 0.5


def test_everything_else_of_contours_stays() -> None:
    given = mixed()
    refined = refiner(disc(100, 75, 60)).refine(IMAGE, given)
    assert type(refined) is Contours
    for field in fields(Contours):
        if field.name not in ("parts", "holes", "runs"):
            assert np.array_equal(getattr(refined, field.name), getattr(given, field.name))
    assert [runs is not None for runs in refined.runs] == [False, True, False]
    assert (len(refined.parts[0]), len(refined.parts[2])) == (1, 2)
    assert len(refined.holes[0][0]) == 1
    assert not np.array_equal(refined.parts[0][0], given.parts[0][0])


def test_what_nothing_moves_stays_to_the_last_pixel() -> None:
    """Noise has parts, holes, parts in holes, and pixels that touch at a corner."""
    rng = np.random.default_rng(1)
    masks = np.stack([rng.random((150, 200)) < share for share in (0.02, 0.3, 0.5, 0.9)])
    model = refiner(knows_nothing)
    assert np.array_equal(model.refine(IMAGE, masks), masks)
    given = mixed()
    refined = model.refine(IMAGE, given)
    assert refined.to_dict() == given.to_dict()


def test_nothing_disappears() -> None:
    """A classifier to which all is outside shrinks what it can; none of it is ever lost."""
    everything = refiner(lambda points: points.new_full(points.shape[:2], 9.0))
    masks = np.zeros((4, 150, 200), bool)
    masks[0, 40, 60] = masks[1, 20:22, 30:33] = True
    masks[2] = disc_mask(60, 60, 30) | disc_mask(170, 20, 2.5)
    masks[3, :, 10] = True
    away = EvolutionSettings(step=0.2, max_steps=20, iterations=10)
    for evolution in (None, away):
        refined = everything.refine(IMAGE, masks, evolution=evolution)
        assert refined.any(axis=(1, 2)).all()
        # The small part keeps its ring, whatever becomes of the large one.
        assert refined[2, 18:22, 168:172].any()


def test_evolution_of_the_card_and_of_the_call() -> None:
    mask = disc_mask(100, 75, 40)
    model = refiner(disc(100, 75, 50))
    once = model.refine(IMAGE, mask, evolution=EvolutionSettings(max_steps=1, iterations=1))
    assert mask.sum() <= once.sum() < model.refine(IMAGE, mask).sum()


def test_no_instances() -> None:
    model = refiner()
    assert model.refine(IMAGE, np.zeros((0, 150, 200), bool)).shape == (0, 150, 200)
    assert model.refine(IMAGE, []) == []
    assert len(model.refine(IMAGE, mixed()[[]])) == 0


def test_refused() -> None:
    model = refiner()
    with pytest.raises(InputError, match="200 x 150 pixels, the masks are of 150 x 200"):
        model.refine(IMAGE, np.zeros((1, 200, 150), bool))
    with pytest.raises(InputError, match=r"shot\.png: has 200 x 150 pixels, the contours are of"):
        smaller = Contours(10, 10, ("a",), np.zeros(0, int), np.zeros(0))
        model.refine(IMAGE, smaller, source="shot.png")
    with pytest.raises(ValueError, match="masks are"):
        model.refine(IMAGE, np.zeros((1, 150, 200)))
    with pytest.raises(ValueError, match="N >= 3"):
        model.refine(IMAGE, [np.zeros((2, 2))])
    with pytest.raises(ValueError, match="finite"):
        model.refine(IMAGE, [np.array([[0, 0], [np.nan, 5], [9, 9]])])
    plain = Predictor(random_network().eval(), ContourCard("nano", ("a", "b", "c"), (1, 2, 3)))
    with pytest.raises(InputError, match=r"no stage sharp.*use weights"):
        plain.refine(IMAGE, [])


def test_threads_get_what_they_would_get_alone(tmp_path: Path) -> None:
    model = refiner()
    cases = [disc_mask(40 + 20 * k, 75, 30)[None] for k in range(6)]
    alone = [model.refine(IMAGE, case) for case in cases]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda case: model.refine(IMAGE, case), cases * 3))
    for found, expected in zip(together, alone * 3, strict=True):
        assert np.array_equal(found, expected)
    assert any(not np.array_equal(a, c) for a, c in zip(alone, cases, strict=True))
