"""Which parts of a crop are learned, and which are not."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from dataset.contour.target_settings import TargetSettings
from dataset.loading.sample import Sample
from dataset.masks.visible_parts import visible_parts
from lib.polygons.ragged import Ragged


@dataclass(frozen=True)
class PartsToLearn:
    """n parts, in the order of the labels, and m that are too small.

    Attributes:
        classes: (n,) int64.
        polygons: n, in the crop, x then y.
        wholes: (n, 2) the centre of the box around all that the crop shows of each one's object.
        owners: (n,) int64, which of the sample's instances each is a part of.
        dropped: m polygons, in the crop; none where nobody asks for them.
        dropped_classes: (m,) int64.
    """

    classes: np.ndarray
    polygons: Ragged
    wholes: np.ndarray
    owners: np.ndarray
    dropped: Ragged
    dropped_classes: np.ndarray


def parts_to_learn(
    sample: Sample, matrix: np.ndarray, crop_size: tuple[int, int], targets: TargetSettings
) -> PartsToLearn:
    """The parts that a crop shows of a sample's objects.

    Args:
        sample: the labels.
        matrix: (2, 3) map from its pixels to the crop.
        crop_size: height, width of the crop, pixels.
        targets: what is too small, which parts of an object count, and whether the small ones are
            asked for.
    """
    smallest = targets.min_area_cells * targets.stride**2
    asked = targets.ignore_unlearned
    classes, polygons, wholes, owners = visible_parts(
        sample.instances, matrix, crop_size, smallest=0.0 if asked else smallest
    )
    areas = polygons.areas()
    large = areas > smallest
    learned = large.copy()
    if targets.parts == "largest":
        # The largest part of each object comes first; of equal ones the first.
        order = np.lexsort((-areas, owners))
        learned[:] = False
        learned[order[np.unique(owners[order], return_index=True)[1]]] = True
        learned &= large
    return PartsToLearn(
        classes[learned],
        polygons.select(learned),
        wholes[learned],
        owners[learned],
        polygons.select(~large),
        classes[~large],
    )
