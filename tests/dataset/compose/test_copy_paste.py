"""Pasted objects: what is painted and what the labels say are the same."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from dataset.compose import copy_paste
from dataset.compose.copy_paste import paste
from dataset.compose.regions import move_to_crop
from dataset.loading.sample import Instance, Sample
from dataset.masks.rasterize import polygons_to_mask
from dataset.masks.run_lengths import decode_mask, encode_mask
from dataset.masks.tracing import mask_to_contours
from dataset.transforms.augmentation import AugmentationSettings
from lib.polygons.geometry import area

SIZE = (256, 256)


def square(x0: float, y0: float, x1: float, y1: float) -> np.ndarray:
    return np.array([[x0, y0], [x1, y0], [x1, y1], [x0, y1]], np.float64)


def masked(number: int, mask: np.ndarray) -> Instance:
    return Instance(number, mask_to_contours(mask), number + 1, encode_mask(mask))


def scene(*instances: Instance, size: tuple[int, int] = SIZE) -> Sample:
    return Sample(1, "x.png", np.zeros((*size, 3), np.uint8), list(instances))


def label_mask(instance: Instance, size: tuple[int, int]) -> np.ndarray:
    if instance.runs is not None:
        return decode_mask(instance.runs, *size)
    return polygons_to_mask(instance.parts, *size)


def iou(first: np.ndarray, second: np.ndarray) -> float:
    return float((first & second).sum() / (first | second).sum())


def disk(x: float, y: float, radius: float) -> np.ndarray:
    return cv2.circle(np.zeros(SIZE, np.uint8), (round(x), round(y)), round(radius), 1, -1) > 0


def ring_and_island() -> np.ndarray:
    """A ring around nothing, and a second part."""
    mask = disk(70, 70, 48) & ~disk(75, 66, 22)
    mask[150:190, 20:100] = True
    return mask


def test_labels_are_what_is_painted() -> None:
    """Objects with holes and in parts, over each other. Painting one object white and all else
    black shows its place in an id image; the pixels know nothing of labels."""
    below = [masked(k, m) for k, m in enumerate((disk(70, 80, 60), ring_and_island()[::-1]))]
    donors = [ring_and_island(), disk(190, 190, 50), disk(190, 60, 40) & ~disk(190, 60, 15)]
    given = [masked(10 + k, mask) for k, mask in enumerate(donors)]
    settings = AugmentationSettings(
        crop_size=SIZE, scale_reference="native", scale_range=(0.8, 1.3), copy_paste_count=(3, 3)
    )
    seen = 0
    for seed in range(6):

        def run(base: np.ndarray, other: np.ndarray, seed: int = seed) -> tuple[Sample, int]:
            """With everything black but where the two are."""
            pictures = [np.repeat(255 * m.astype(np.uint8)[..., None], 3, 2) for m in (base, other)]
            first = Sample(1, "below", pictures[0], move_to_crop(below, SIZE, np.eye(2, 3), SIZE))
            rng = np.random.default_rng(seed)
            return paste(first, Sample(2, "d", pictures[1], given), settings, rng, smallest=80.0)

        empty = np.zeros(SIZE, bool)
        result, pasted = run(empty, empty)
        assert pasted == len([one for one in result.instances if one.class_index >= 10])
        for one in result.instances:
            if one.class_index >= 10:
                # Pixels beyond the object keep its edge as bright as its middle.
                around = cv2.dilate(donors[one.class_index - 10].astype(np.uint8), np.ones((5, 5)))
                painted = run(empty, around > 0)[0].image
            else:
                painted = run(label_mask(below[one.class_index], SIZE), empty)[0].image
            assert iou(painted[..., 0] >= 128, label_mask(one, SIZE)) >= 0.99
            seen += 1
    assert seen > 15


def paste_square(
    monkeypatch: pytest.MonkeyPatch, first: Sample, donor: Instance, **settings: bool
) -> tuple[Sample, int]:
    """Paste an object where it lies in its own, white, image."""
    monkeypatch.setattr(copy_paste, "_placed", lambda *_: np.eye(2, 3))
    white = np.full((*first.image.shape[:2], 3), 200, np.uint8)
    options = AugmentationSettings(copy_paste_count=(1, 1), **settings)  # type: ignore[arg-type]
    rng = np.random.default_rng(0)
    return paste(first, Sample(2, "d", white, [donor]), options, rng, smallest=0.0)


def squares() -> Sample:
    """Under a square (20, 10)-(60, 50): half covered, covered, to 95% covered, apart; and a crowd
    of which a quarter is covered."""
    parts = [(10, 10, 30, 30), (25, 15, 35, 25), (19, 20, 39, 40), (70, 70, 80, 80)]
    first = scene(*(Instance(k, [square(*p)], k) for k, p in enumerate(parts)), size=(100, 100))
    first.ignored.append(Instance(7, [square(17, 44, 21, 48)], 9))
    return first


def test_what_is_covered_by_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    first = squares()
    result, pasted = paste_square(monkeypatch, first, Instance(5, [square(20, 10, 60, 50)], 6))
    assert pasted == 1
    assert [one.class_index for one in result.instances] == [0, 3, 5]
    left = result.instances[0].parts[0]
    assert_array_equal([left.min(axis=0), left.max(axis=0)], [[10, 10], [20, 30]])
    assert result.instances[1] is first.instances[3]
    # Nothing is left of the second; of the third a strip of 20 square pixels.
    crowd, strip = result.ignored
    assert (crowd.class_index, strip.class_index) == (7, 2)
    assert_array_equal([strip.parts[0].min(0), strip.parts[0].max(0)], [[19, 20], [20, 40]])
    assert_array_equal([crowd.parts[0].min(0), crowd.parts[0].max(0)], [[17, 44], [20, 48]])
    assert (result.image[10:50, 20:60] == 200).all()
    assert (result.image == 200).sum() == 3 * 40 * 40


def test_amodal_labels_stay_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    """As far as anything of the object can be seen."""
    first, donor = squares(), Instance(5, [square(20, 10, 60, 50)], 6)
    result, _ = paste_square(monkeypatch, first, donor, copy_paste_cuts=False)
    assert [one.class_index for one in result.instances] == [0, 3, 5]
    assert result.instances[0] is first.instances[0]


def test_what_lies_in_a_hole_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    """A frame of 40 around a hole of 20: an object in the hole is not covered, one below the whole
    frame keeps what is seen through it and around it."""
    mask = np.zeros((100, 100), bool)
    mask[10:50, 20:60] = True
    mask[20:40, 30:50] = False
    inner = Instance(0, [square(32, 22, 48, 38)], 1)
    outer = Instance(1, [square(25, 15, 55, 45)], 2)
    result, _ = paste_square(monkeypatch, scene(inner, outer, size=(100, 100)), masked(2, mask))
    assert result.instances[0] is inner
    assert_allclose(sum(map(cv2.contourArea, _floats(result.instances[1].parts))), 20 * 20)
    assert (result.image[20:40, 30:50] == 0).all()
    assert_array_equal(label_mask(result.instances[2], (100, 100)), mask)


def _floats(parts: list[np.ndarray]) -> list[np.ndarray]:
    return [part.astype(np.float32) for part in parts]


def test_edges_are_mixed_by_what_they_cover(monkeypatch: pytest.MonkeyPatch) -> None:
    """A quarter of a pixel of 200 over black is 50."""
    donor = Instance(0, [square(20.75, 10, 60, 50)], 1)
    result, _ = paste_square(monkeypatch, scene(size=(100, 100)), donor)
    assert_array_equal(result.image[30, 19:23, 0], [0, 50, 200, 200])


@pytest.mark.parametrize(
    "outline", [square(0, 5, 30, 35), square(5, 5, 95, 95)], ids=["at the edge", "too large"]
)
def test_objects_that_are_not_pasted(outline: np.ndarray) -> None:
    """One that its image cuts off, and one that would hide most of the crop."""
    donor = Sample(2, "d", np.full((100, 100, 3), 200, np.uint8), [Instance(0, [outline], 1)])
    settings = AugmentationSettings(
        crop_size=(96, 96), scale_reference="native", scale_range=(1.0, 1.0)
    )
    first = scene(size=(96, 96))
    result, pasted = paste(first, donor, settings, np.random.default_rng(0), smallest=0.0)
    assert (pasted, result.instances, result.image.max()) == (0, [], 0)


@pytest.mark.parametrize("overlap", [0.0, 0.2])
def test_objects_that_keep_apart(overlap: float) -> None:
    """No pasted object covers more of itself than is allowed, and some find a place."""
    donor = Sample(2, "d", np.full((*SIZE, 3), 200, np.uint8), [masked(1, disk(60, 60, 25))] * 4)
    settings = AugmentationSettings(
        crop_size=SIZE,
        scale_reference="native",
        scale_range=(1.0, 1.0),
        copy_paste_count=(4, 4),
        copy_paste_overlap=overlap,
    )
    number = covered = 0
    for seed in range(4):
        first = scene(Instance(0, [square(0, 0, 256, 130)], 1))
        rng = np.random.default_rng(seed)
        result, pasted = paste(first, donor, settings, rng, smallest=0.0)
        number += pasted
        # What the object below has lost lies under the others.
        lost = 256 * 130 - sum(map(area, result.instances[0].parts))
        covered += lost
        assert lost <= overlap * pasted * 2000
        rest = [area(part) for one in result.instances[1:] for part in one.parts]
        assert min(rest) >= (1 - overlap) * 1900  # a disk of radius 25 has 1963
    assert number > 8
    assert (covered > 0) == (overlap > 0)
