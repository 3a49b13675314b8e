"""Distances between boundaries: by hand, against all pairs of pixels, and who is paired."""

from __future__ import annotations

import copy

import numpy as np
import pytest
from coco_scenes import as_rle, found, random_scene, truth
from label_scenes import run_length
from pycocotools import mask as coco_mask
from scipy.spatial.distance import cdist

from e2ec.metrics.boundary_distance import boundary_distances, mask_distances
from lib.errors import InputError

BOX = (20, 20, 10, 10)


def encoded(mask: np.ndarray) -> dict:
    return coco_mask.encode(np.asfortranarray(mask.astype(np.uint8)))


def plain_boundary(mask: np.ndarray) -> np.ndarray:
    """Centres of the pixels of which one of the eight around them is outside, one by one."""
    padded = np.pad(mask, 1)
    places = np.argwhere(mask)
    return np.array([p for p in places if not padded[p[0] : p[0] + 3, p[1] : p[1] + 3].all()])


def plain_distances(one: np.ndarray, other: np.ndarray) -> tuple[float, float]:
    between = cdist(plain_boundary(one), plain_boundary(other))
    apart = np.concatenate([between.min(axis=0), between.min(axis=1)])
    return apart.max(), apart.mean()


def test_a_square_that_is_two_pixels_to_the_right() -> None:
    """Each has 10 * 4 - 4 = 36 boundary pixels. Of the left one the ten of the left side are 2 away
    from the other's, of the upper and lower side the next one is 1 away, the others lie on it; of
    the right side without its ends two are 1 away from the upper or lower side, six are 2 away:
    10 * 2 + 2 * 1 + 2 * 1 + 6 * 2 = 36, one each. The other one is its mirror image."""
    values = boundary_distances(truth([(1, 1, BOX)]), [found(1, 1, (22, 20, 10, 10), 0.9)])
    assert values == {"distance/hausdorff": 2, "distance/mean": 1, "distance/pairs": 1}


def test_masks_against_all_pairs_of_pixels() -> None:
    """With holes, several parts, single pixels, and at the image's edges."""
    rng = np.random.default_rng(0)
    for _ in range(20):
        one, other = (rng.random((14, 17)) < rng.uniform(0.1, 0.95) for _ in range(2))
        expected = plain_distances(one, other)
        np.testing.assert_allclose(mask_distances(encoded(one), encoded(other)), expected, 1e-5)


def test_equal_masks_are_nowhere_apart_and_empty_ones_have_no_distance() -> None:
    whole, nothing = np.ones((5, 6), bool), np.zeros((5, 6), bool)
    assert mask_distances(encoded(whole), encoded(whole)) == (0, 0)
    with pytest.raises(ValueError, match="no boundary"):
        mask_distances(encoded(whole), encoded(nothing))


def test_each_object_is_found_once_by_the_best_score() -> None:
    """Of the results shifted by 0 and 2 pixels the latter has the higher score and takes the
    object; the former takes nothing, as the second object is too far. Other classes and images pair
    with nobody, nor do crowd regions."""
    scene = truth([(1, 1, BOX), (1, 1, (80, 20, 10, 10)), (2, 1, BOX), (2, 2, (80, 20, 9, 9))],
                  images=3, classes=2)  # fmt: skip
    mask = coco_mask.frPyObjects(scene["annotations"][2]["segmentation"], 200, 240)[0]
    crowd = {"iscrowd": 1, "segmentation": run_length(coco_mask.decode(mask))}
    scene["annotations"][2] |= crowd
    results = [
        found(1, 1, (20, 20, 10, 10), 0.5),
        found(1, 1, (22, 20, 10, 10), 0.9),
        found(1, 2, (80, 20, 10, 10), 0.9),
        found(2, 1, BOX, 0.9),
        found(3, 1, BOX, 0.9),
    ]
    before = copy.deepcopy((scene, results))
    values = boundary_distances(scene, results)
    assert (scene, results) == before
    assert values == {"distance/hausdorff": 2, "distance/mean": 1, "distance/pairs": 1}
    # Now the second result of image 1 is left out, or the first does not overlap enough.
    assert boundary_distances(scene, results, iou=0.8)["distance/hausdorff"] == 0
    more = [*results, found(1, 1, (80, 24, 10, 10), 0.1)]
    assert boundary_distances(scene, more, iou=0.4)["distance/pairs"] == 2
    assert boundary_distances(scene, more, iou=0.4)["distance/hausdorff"] == 3
    assert boundary_distances(scene, more, iou=0.4, max_detections=2)["distance/pairs"] == 1


def plain_mean(ground_truth: dict, results: list[dict]) -> tuple[float, float, int]:
    """All pairs of a scene, found and measured one by one."""
    masks = {}
    for entry in [*ground_truth["annotations"], *results]:
        shape = entry["segmentation"]
        rle = coco_mask.frPyObjects(shape, 200, 240)[0] if isinstance(shape, list) else shape
        if isinstance(rle["counts"], list):
            rle = coco_mask.frPyObjects(rle, 200, 240)
        masks[id(entry)] = coco_mask.decode(rle).astype(bool)
    taken, apart = set(), []
    for result in sorted(results, key=lambda one: -one["score"]):
        best, least = None, 0.5
        for entry in ground_truth["annotations"]:
            same = all(entry[key] == result[key] for key in ("image_id", "category_id"))
            if not same or entry["iscrowd"] or id(entry) in taken:
                continue
            one, other = masks[id(entry)], masks[id(result)]
            overlap = (one & other).sum() / (one | other).sum()
            if overlap >= least:
                best, least = entry, overlap
        if best is not None:
            taken.add(id(best))
            apart.append(plain_distances(masks[id(best)], masks[id(result)]))
    hausdorff, mean = np.mean(apart, axis=0)
    return hausdorff, mean, len(apart)


@pytest.mark.parametrize("rle", [False, True])
def test_scenes_against_the_slow_version(rle: bool) -> None:
    scene, results = random_scene(1, rle=rle)
    expected = plain_mean(scene, results)
    values = boundary_distances(scene, results)
    assert expected[2] > 5
    np.testing.assert_allclose(list(values.values()), expected, rtol=1e-5)


def test_nothing_found_and_bad_input() -> None:
    nothing = {"distance/hausdorff": None, "distance/mean": None, "distance/pairs": 0}
    scene = truth([(1, 1, BOX)])
    assert boundary_distances(scene, []) == nothing
    assert boundary_distances(scene, [as_rle(found(1, 1, (90, 90, 9, 9), 0.9))]) == nothing
    with pytest.raises(InputError, match="mine: entry 0: image_id 7"):
        boundary_distances(scene, [found(7, 1, BOX, 0.9)], results_name="mine")
    for wrong in ({"iou": 0}, {"iou": 1.5}, {"max_detections": 0}):
        with pytest.raises(ValueError, match=next(iter(wrong))):
            boundary_distances(scene, [], **wrong)
