"""The settings of augmentation, on their own: they are read where nothing heavy is loaded."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, get_args

from dataset.transforms.test_transform import TestView

ScaleReference = Literal["long_side", "input", "native", "relative", "short_side"]
ScaleDistribution = Literal["uniform", "log"]


@dataclass(frozen=True)
class AugmentationSettings:
    """How a training image is cropped, flipped and coloured."""

    crop_size: tuple[int, int] = (512, 512)
    """Height and width of the network input, pixels; multiples of 32."""
    scale_range: tuple[float, float] = (0.6, 1.4)
    """Lowest and highest value of the random factor u of scale_reference."""
    scale_distribution: ScaleDistribution = "uniform"
    """How u is drawn from scale_range: uniform, or log, which draws its logarithm uniformly: half
    the size is then as likely as twice. short_side draws its length uniformly in any case."""
    scale_reference: ScaleReference = "long_side"
    """What u is relative to. long_side: the crop is u times the image's long side (SBD, COCO).
    input: the crop is u times the network input, in image pixels (KINS, Cityscapes). native: u is
    the zoom, network pixels per image pixel (microscopy, where sizes mean something). relative: the
    image's long side is shown u times as long as the crop's (objects that take a fixed share of
    their images). With native and relative the crop lies anywhere in the image. short_side: no
    crop, the whole image as detectors with masks see it: see short_sides and longest."""
    short_sides: tuple[int, int] = (800, 800)
    """With short_side: the image's short side is shown at a random whole length from the first to
    the second, pixels."""
    longest: int = 1333
    """With short_side: its long side is shown at this length at most, pixels."""
    flip_probability: float = 0.5
    """Probability of mirroring left and right."""
    vertical_flip_probability: float = 0.0
    """Probability of mirroring top and bottom."""
    rotate90: bool = False
    """Turn by a random multiple of 90 degrees; for square crops."""
    brightness: float = 0.4
    """The factor of the brightness is drawn from 1 -+ this; 0 leaves it unchanged."""
    contrast: float = 0.4
    """The factor of the contrast is drawn from 1 -+ this; 0 leaves it unchanged."""
    saturation: float = 0.4
    """The factor of the saturation is drawn from 1 -+ this; 0 leaves it unchanged."""
    lighting: float = 0.1
    """Standard deviation of the PCA lighting; 0 leaves the colours unchanged."""
    grayscale_probability: float = 0.0
    """Probability of dropping the colours."""
    invert_probability: float = 0.0
    """Probability of inverting the intensities."""
    gamma: float = 0.0
    """Grey levels of 0 to 1 are raised to a random power from 1 / (1 + gamma) to 1 + gamma, its
    logarithm drawn uniformly; 0 leaves them unchanged."""
    hue: float = 0.0
    """Colours are turned about the grey axis by up to this, degrees to either side."""
    blur_probability: float = 0.0
    """Probability of a gaussian blur."""
    blur_sigma: tuple[float, float] = (0.5, 2.0)
    """Lowest and highest standard deviation of the blur, input pixels."""
    noise: tuple[float, float] = (0.0, 0.0)
    """Lowest and highest standard deviation of gaussian noise, drawn for every image, grey levels
    of 0 to 255."""
    copy_paste_probability: float = 0.0
    """Probability of pasting objects of another training image into the crop, in front of what is
    there; for contours."""
    copy_paste_count: tuple[int, int] = (1, 5)
    """Fewest and most objects that are pasted, as far as the other image has them."""
    copy_paste_matched: bool = False
    """Take them from an image whose ground, and the contrast of objects to it, are similar: from
    the nearest of 8 random ones, or paste nothing if none is near. For data sets of many kinds of
    images, such as microscopes of different modality."""
    copy_paste_cuts: bool = True
    """Take what a pasted object covers out of the labels below it. False for amodal labels, which
    stay whole."""
    copy_paste_overlap: float = 1.0
    """Paste an object only where at most this share of it lies on others, which is tried at 10
    places; 1 pastes it anywhere, 0 is for objects that are never over each other, like nuclei."""
    mosaic_probability: float = 0.0
    """Probability of showing four training images around a random point; for contours."""
    enabled: bool = True
    """False shows the whole image unchanged, for overfitting a few images: letterboxed, or with
    short_side at the longest of short_sides."""

    def __post_init__(self) -> None:
        if len(self.crop_size) != 2 or any(side < 32 or side % 32 for side in self.crop_size):
            raise ValueError(f"crop_size must be multiples of 32, not {self.crop_size}")
        if not 0 < self.scale_range[0] <= self.scale_range[1]:
            raise ValueError(f"scale_range must be 0 < low <= high, not {self.scale_range}")
        if self.scale_reference not in get_args(ScaleReference):
            raise ValueError(
                f"scale_reference must be one of {', '.join(get_args(ScaleReference))}, "
                f"not {self.scale_reference!r}"
            )
        if self.scale_distribution not in get_args(ScaleDistribution):
            raise ValueError(
                f"scale_distribution must be one of {', '.join(get_args(ScaleDistribution))}, "
                f"not {self.scale_distribution!r}"
            )
        if not 32 <= self.short_sides[0] <= self.short_sides[1] <= self.longest:
            raise ValueError(
                f"short_sides must be 32 <= low <= high <= longest, not {self.short_sides} and "
                f"{self.longest}"
            )
        if self.rotate90 and self.crop_size[0] != self.crop_size[1]:
            raise ValueError("rotate90 needs a square crop_size")
        for name in ("brightness", "contrast", "saturation"):
            if not 0 <= getattr(self, name) < 1:
                raise ValueError(f"{name} must lie in [0, 1), not {getattr(self, name)}")
        for name, value in vars(self).items():
            if name.endswith("_probability") and not 0 <= value <= 1:
                raise ValueError(f"{name} must lie in [0, 1], not {value}")
        if self.gamma < 0 or not 0 <= self.hue <= 180:
            raise ValueError(
                f"gamma must not be negative and hue must lie in [0, 180], not {self.gamma} and "
                f"{self.hue}"
            )
        if not 0 < self.blur_sigma[0] <= self.blur_sigma[1]:
            raise ValueError(f"blur_sigma must be 0 < low <= high, not {self.blur_sigma}")
        if not 0 <= self.copy_paste_overlap <= 1:
            raise ValueError(
                f"copy_paste_overlap must lie in [0, 1], not {self.copy_paste_overlap}"
            )
        for name in ("noise", "copy_paste_count"):
            low, high = getattr(self, name)
            if not 0 <= low <= high:
                raise ValueError(f"{name} must be 0 <= low <= high, not {(low, high)}")

    @classmethod
    def whole_images(cls, short_sides: tuple[int, int], longest: int) -> AugmentationSettings:
        """Mask R-CNN's: whole images with the short side at one of these lengths, mirrored or not,
        in their own colours."""
        return cls(
            scale_reference="short_side",
            short_sides=short_sides,
            longest=longest,
            brightness=0.0,
            contrast=0.0,
            saturation=0.0,
            lighting=0.0,
        )

    @property
    def several(self) -> bool:
        """Whether an example may show more than one image."""
        return self.enabled and (self.copy_paste_probability > 0 or self.mosaic_probability > 0)

    @property
    def middle(self) -> float:
        """The random factor at its middle: u, or with short_side the length of the short side."""
        if self.scale_reference == "short_side":
            return sum(self.short_sides) / 2
        low, high = self.scale_range
        return math.sqrt(low * high) if self.scale_distribution == "log" else (low + high) / 2

    @property
    def still(self) -> TestView:
        """How the image is shown where augmentation is not enabled."""
        if self.scale_reference == "short_side":
            return TestView("short_side", (self.short_sides[1], self.longest))
        return TestView("letterbox", self.crop_size)
