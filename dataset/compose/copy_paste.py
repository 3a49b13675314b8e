"""Objects of another image pasted into a crop (Simple Copy-Paste, Ghiasi et al., CVPR 2021).

They come whole, with all parts and holes, of a random size that the augmentation settings allow,
and lie in front of what is there: labels below lose what is covered.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import shapely
from shapely.geometry import box

from dataset.compose.regions import coverage, move_to_crop, region_of, with_region
from dataset.loading.sample import Instance, Sample
from dataset.transforms.augmentation import (
    AugmentationSettings,
    crop_zoom,
    random_factor,
    random_symmetry,
)
from dataset.transforms.warping import warp_image
from lib.polygons.geometry import transform_points

_LEAST_SEEN = 0.1
"""Objects of which less is left are no longer learned."""
_LARGEST = 0.3
"""Objects that would cover more of the crop are not pasted."""
_PLACES = 10
"""Places that are tried for an object that may not cover others."""


def paste(
    scene: Sample,
    donor: Sample,
    settings: AugmentationSettings,
    rng: np.random.Generator,
    *,
    smallest: float,
) -> tuple[Sample, int]:
    """Paste objects of `donor` into `scene`.

    Args:
        scene: a crop, labels in its pixels. Its image is painted on, in place.
        donor: an image as it is.
        settings: how many objects, of what sizes, flipped how; whether labels below are cut.
        rng: source of all randomness.
        smallest: objects of this area or less are not pasted, square pixels of the crop.

    Returns:
        The scene with the pasted objects behind those that were there, and how many they are.
        Objects of which next to nothing is left are among the ignored regions.
    """
    low, high = settings.copy_paste_count
    count = int(rng.integers(low, high + 1))
    usable = [one for one in donor.instances if _is_whole(one, donor.image.shape)]
    chosen = [usable[k] for k in rng.permutation(len(usable))[:count]]
    size = (scene.image.shape[0], scene.image.shape[1])
    regions: list[Any] = []
    instances: list[Instance] = []
    free = settings.copy_paste_overlap >= 1
    taken = [] if free else [region_of(one, size) for one in scene.instances]
    for one in chosen:
        for _ in range(1 if free else _PLACES):
            matrix = _placed(one, donor.image.shape, settings, rng)
            moved = move_to_crop([one], donor.image.shape[:2], matrix, size)
            region = region_of(moved[0], size) if moved else box(0, 0, 0, 0)
            fits = smallest < region.area <= _LARGEST * size[0] * size[1]
            if fits and _overlap(region, taken) <= settings.copy_paste_overlap:
                _paint(scene.image, donor.image, matrix, region)
                instances += moved
                regions.append(region)
                taken += [] if free else [region]
                break
    scene, kept = _beneath(scene, instances, regions, cuts=settings.copy_paste_cuts)
    return replace(scene, instances=scene.instances + kept), len(kept)


def _beneath(
    scene: Sample, pasted: Sequence[Instance], regions: Sequence[Any], *, cuts: bool
) -> tuple[Sample, list[Instance]]:
    """What is left of the labels of a scene, and of pasted objects, the later of which lie over the
    earlier; `regions` are theirs. Objects that are nearly covered are ignored from then on."""
    size = (scene.image.shape[0], scene.image.shape[1])
    everything = [(one, regions) for one in scene.instances]
    everything += [(one, regions[k + 1 :]) for k, one in enumerate(pasted)]
    kept: list[Instance | None] = []
    hidden = []
    for one, over in everything:
        rest = _uncovered(one, over, size)
        seen = rest is not None and _seen(rest, one, size) >= _LEAST_SEEN
        kept.append((rest if cuts else one) if seen else None)
        if rest is not None and not seen:
            hidden.append(rest)
    rests = [_uncovered(one, regions, size) for one in scene.ignored]
    ignored = [one for one in rests if one is not None] + hidden
    first = len(scene.instances)
    below, above = ([one for one in part if one] for part in (kept[:first], kept[first:]))
    return replace(scene, instances=below, ignored=ignored), above


def _overlap(region: Any, taken: Sequence[Any]) -> float:
    """The share of a region that others take; where these lie over each other it counts twice."""
    shared = shapely.area(shapely.intersection(np.array(taken, object), region)).sum()
    return float(shared / region.area)


def _is_whole(instance: Instance, shape: tuple[int, ...]) -> bool:
    """Whether an object ends inside of its image: what the edge cuts off would be cut off."""
    if not instance.parts:
        return False
    points = np.concatenate(instance.parts)
    return bool((points > 0.5).all() and (points < (shape[1] - 0.5, shape[0] - 0.5)).all())


def _placed(
    instance: Instance,
    shape: tuple[int, ...],
    settings: AugmentationSettings,
    rng: np.random.Generator,
) -> np.ndarray:
    """(2, 3) map from an object's image to the crop: a size and a symmetry that its image might be
    shown with, and a place where all of the object is seen, if it fits."""
    zoom = crop_zoom(shape[0], shape[1], settings, random_factor(settings, rng))
    linear = zoom * random_symmetry(settings, rng)
    points = transform_points(np.concatenate(instance.parts), np.column_stack([linear, [0.0, 0.0]]))
    low, high = points.min(axis=0), points.max(axis=0)
    slack = np.array(settings.crop_size[::-1]) - (high - low)
    return np.column_stack([linear, rng.uniform(size=2) * slack - low])


def _paint(image: np.ndarray, source: np.ndarray, matrix: np.ndarray, region: Any) -> None:
    """Paint a region over an image, in place: pixels at its edge by how much it covers of them."""
    x, y, amount = coverage(region, (image.shape[0], image.shape[1]))
    if not amount.size:
        return
    height, width = amount.shape
    own = np.array(matrix)
    own[:, 2] -= (x, y)
    pixels = warp_image(source, own, (height, width)).astype(np.float32)
    window = image[y : y + height, x : x + width]
    window[:] = np.rint(window + amount[..., None] * (pixels - window)).astype(np.uint8)


def _uncovered(
    instance: Instance, over: Sequence[Any], crop_size: tuple[int, int]
) -> Instance | None:
    """An object without what others cover of it; the same one where they do not reach it, None
    where nothing is left."""
    points = np.concatenate(instance.parts)
    around = box(*points.min(axis=0), *points.max(axis=0))
    near = [other for other in over if other.intersects(around)]
    if not near:
        return instance
    before = region_of(instance, crop_size)
    after = before - shapely.union_all(near)
    if after.area >= before.area - 1e-6:
        return instance
    rest = with_region(instance, after, crop_size)
    return rest if rest.parts else None


def _seen(rest: Instance, whole: Instance, crop_size: tuple[int, int]) -> float:
    """How much of an object is left, of 1."""
    if rest is whole:
        return 1.0
    area = float(region_of(whole, crop_size).area)
    return float(region_of(rest, crop_size).area) / area if area > 0 else 0.0
