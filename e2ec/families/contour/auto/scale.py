"""One object scale for training and test, from the sizes of objects and images.

The network has one cell every four pixels and contours of a fixed number of vertices: objects much
smaller than ten cells lose their shape, objects larger than the crop are never seen whole. So the
scale is the one at which most objects are of a size that it can learn, within what the crop holds
and what a test image may cost. What is shown in training and at test time is then the same.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from dataset.checks.seen_sizes import ObjectSizes, training_zooms, view_zooms
from dataset.transforms.augmentation import AugmentationSettings
from dataset.transforms.test_transform import TestView
from lib.errors import InputError

SMALLEST, BEST = 4.0, 32.0
"""Sides in network pixels: nothing is learned of smaller objects; from here on everything."""
LARGEST, WHOLE = 0.25, 1.0
"""Shares of the crop's side: from the first on an object is cut by more and more crops, from the
second on by all of them."""
ENOUGH = 0.95
"""The smallest zoom whose mean worth reaches this share of the best one is taken: half the zoom is
a quarter of the time at test, and four times as much of the image in a crop."""
LONGEST_INPUT = 2048
"""The long side of the median test image has at most this many network pixels: some 2 s on two CPU
cores."""
LARGEST_ZOOM = 8.0
JITTER = (0.7, 1.35)
"""Training draws its zoom from this range around that of the test; the middle is about 1."""
_RELATIVE = 0.9
"""Scale goes with the image's size where that narrows the spread of object sizes to this share."""


@dataclass(frozen=True)
class Scale:
    """Scales of training and the view of test images, and a line that tells the user of them."""

    augmentation: AugmentationSettings
    view: TestView
    line: str


def choose_scale(sizes: ObjectSizes, augmentation: AugmentationSettings) -> Scale:
    """Training scale and test view for objects of these sizes.

    Args:
        sizes: of the training objects.
        augmentation: with the crop size; its scales are replaced.

    Raises:
        InputError: there are no objects.
    """
    if len(sizes) == 0:
        raise InputError("no object to choose a scale from; label some, or set --data.view")
    long_sides = sizes.images.max(axis=1).astype(np.float64)
    relative = _spread(sizes.sides / long_sides) < _RELATIVE * _spread(sizes.sides)
    crop = max(augmentation.crop_size)
    # Of a relative scale everything below is of images whose long side is that of the crop.
    sides = sizes.sides * (crop / long_sides) if relative else sizes.sides
    shown = float(crop) if relative else float(np.median(long_sides))
    zoom = _best_zoom(sides, min(augmentation.crop_size), shown)
    if relative:
        length = max(32, round(zoom * crop))
        view = TestView("long_side", size=(length, length))
        how = f"images are shown {length} pixels long"
    else:
        zoom = round(zoom, 4)
        view = TestView("pad", zoom=zoom)
        how = f"images are shown at {zoom:.3g} times their size"
    chosen = _around(augmentation, zoom, relative=relative)
    return Scale(chosen, view, _line(sizes, chosen, view, how))


def match_training(sizes: ObjectSizes, augmentation: AugmentationSettings, view: TestView) -> Scale:
    """Training scales for a test view that is given."""
    zooms = view_zooms(sizes.images, view)
    filling = zooms * sizes.images.max(axis=1) / max(augmentation.crop_size)
    relative = bool(_spread(filling) < _spread(zooms))
    middle = float(np.median(filling if relative else zooms))
    chosen = _around(augmentation, middle, relative=relative)
    return Scale(chosen, view, _line(sizes, chosen, view, "the test view is as set"))


def match_test(sizes: ObjectSizes, augmentation: AugmentationSettings) -> Scale:
    """A test view for training scales that are given."""
    zooms = training_zooms(sizes.images, augmentation)
    if augmentation.scale_reference == "short_side":
        short = augmentation.middle if augmentation.enabled else augmentation.short_sides[1]
        view = TestView("short_side", size=(round(short), augmentation.longest))
    elif augmentation.scale_reference in ("long_side", "relative") or not augmentation.enabled:
        length = max(32, round(float(np.median(zooms * sizes.images.max(axis=1)))))
        view = TestView("long_side", size=(length, length))
    else:
        view = TestView("pad", zoom=round(float(np.median(zooms)), 4))
    return Scale(augmentation, view, _line(sizes, augmentation, view, "training scales are as set"))


def _around(
    augmentation: AugmentationSettings, zoom: float, *, relative: bool
) -> AugmentationSettings:
    low, high = (float(f"{zoom * bound:.4g}") for bound in JITTER)
    return replace(
        augmentation,
        scale_reference="relative" if relative else "native",
        scale_range=(low, high),
    )


def _best_zoom(sides: np.ndarray, crop: int, long_side: float) -> float:
    """The smallest zoom whose mean worth comes near the highest.

    Images that would not fill the crop are shown larger as long as the mean worth stays high: it
    costs nothing.

    Args:
        sides: of the objects, pixels.
        crop: short side of the crop, network pixels.
        long_side: of the median image, pixels.
    """
    highest = min(LARGEST_ZOOM, LONGEST_INPUT / long_side)
    lowest = min(highest, 32 / long_side)
    zooms = np.geomspace(lowest, highest, 200)
    # A sample is enough, and large data sets have millions.
    if len(sides) > 20_000:
        sides = sides[np.linspace(0, len(sides) - 1, 20_000).astype(np.int64)]
    worth = np.array([_worth(sides * zoom, crop).mean() for zoom in zooms])
    good = zooms[worth >= ENOUGH * worth.max()]
    filling = good[good >= crop / long_side]
    return float(filling[0] if len(filling) else good[-1])


def _worth(seen: np.ndarray, crop: int) -> np.ndarray:
    """How well objects of these sides can be learned, 0 to 1, (n,)."""
    small = np.log(np.maximum(seen, 1e-6) / SMALLEST) / np.log(BEST / SMALLEST)
    large = np.log(WHOLE * crop / np.maximum(seen, 1e-6)) / np.log(WHOLE / LARGEST)
    return np.clip(np.minimum(small, large), 0, 1)


def _spread(values: np.ndarray) -> float:
    return float(np.std(np.log(values)))


def _line(sizes: ObjectSizes, augmentation: AugmentationSettings, view: TestView, how: str) -> str:
    side = float(np.median(sizes.sides * view_zooms(sizes.images, view)))
    height, width = augmentation.crop_size
    shown = f"crops of {width} x {height}"
    if augmentation.scale_reference == "short_side":
        low, high = augmentation.short_sides
        shown = f"short sides of {low} to {high}, long ones to {augmentation.longest}"
    return f"scale: {how}, a middling object {side:.0f} pixels wide; {shown}"
