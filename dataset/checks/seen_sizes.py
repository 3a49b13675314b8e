"""How large the network sees the objects of a data set, in training and at test time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from dataset.index.label_index import LabelIndex
from dataset.transforms.augmentation import AugmentationSettings, crop_zoom
from dataset.transforms.test_transform import TestView

_QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
_NAMES = ("5 %", "25 %", "median", "75 %", "95 %")


@dataclass(frozen=True)
class ObjectSizes:
    """The objects of a data set, crowd regions left out.

    Attributes:
        sides: (n,) float64, the root of every object's area, pixels of its image.
        images: (n, 2) int64, height and width of every object's image.
        most: objects of the image that has most of them.
    """

    sides: np.ndarray
    images: np.ndarray
    most: int

    def __len__(self) -> int:
        return len(self.sides)


def object_sizes(index: LabelIndex) -> ObjectSizes:
    """The sizes of all objects that training learns; those without area are left out."""
    numbers, positions = index.objects()
    areas = index.columns.areas[numbers]
    positions = positions[areas > 0]
    sizes = index.columns.image_sizes[index.rows[positions]].astype(np.int64)
    most = np.bincount(positions, minlength=1).max()
    return ObjectSizes(np.sqrt(areas[areas > 0]), sizes, int(most))


def training_zooms(images: np.ndarray, settings: AugmentationSettings) -> np.ndarray:
    """The zoom at the middle of the random scales, (n,), for images of (n, 2) height, width."""
    if not settings.enabled:
        return view_zooms(images, settings.still)
    return np.array([crop_zoom(h, w, settings, settings.middle) for h, w in images.tolist()])


def view_zooms(images: np.ndarray, view: TestView) -> np.ndarray:
    """The zoom of the test view, (n,), for images of (n, 2) height, width."""
    sizes, which = np.unique(images, axis=0, return_inverse=True)
    zooms = [view.geometry(height, width)[1][0, 0] for height, width in sizes.tolist()]
    return np.array(zooms, np.float64)[which.ravel()]


@dataclass(frozen=True)
class SeenSizes:
    """Sides of objects as the network sees them, network pixels.

    Attributes:
        train: quantiles by name, at the middle of the random scales of training.
        test: quantiles by name, in the test view.
        ratio: how much larger the median object's view at test time is than in training.
    """

    train: dict[str, float]
    test: dict[str, float]
    ratio: float


def seen_sizes(
    train: ObjectSizes, test: ObjectSizes, settings: AugmentationSettings, view: TestView
) -> SeenSizes | None:
    """What training shows of its objects, and the test view of those of the validation data.

    The ratio is taken over the training objects alone, shown both ways: that validation data has
    larger objects is no fault of the settings.

    Returns:
        None where one of the two has no objects.
    """
    if len(train) == 0 or len(test) == 0:
        return None
    learned = training_zooms(train.images, settings)
    return SeenSizes(
        _quantiles(train.sides * learned),
        _quantiles(test.sides * view_zooms(test.images, view)),
        float(np.median(view_zooms(train.images, view) / learned)),
    )


def format_seen_sizes(sizes: SeenSizes) -> str:
    """A small table of the quantiles, and the ratio."""
    rows: list[tuple[str, Mapping[str, float]]] = [("training", sizes.train), ("test", sizes.test)]
    title = "side of an object as the network sees it, pixels"
    lines = [f"{title}  " + "".join(f"{name:>8}" for name in _NAMES)]
    for name, values in rows:
        cells = "".join(f"{values[key]:>8.1f}" for key in _NAMES)
        lines.append(f"  {name}".ljust(len(title) + 2) + cells)
    lines.append(f"  objects are {sizes.ratio:.2f} times as large at test time as in training")
    return "\n".join(lines)


def _quantiles(values: np.ndarray) -> dict[str, float]:
    found = np.quantile(values, _QUANTILES)
    return {name: float(value) for name, value in zip(_NAMES, found, strict=True)}
