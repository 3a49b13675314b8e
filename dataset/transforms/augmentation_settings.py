"""The settings of augmentation, on their own: they are read where nothing heavy is loaded."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

ScaleReference = Literal["long_side", "input", "native", "relative"]


@dataclass(frozen=True)
class AugmentationSettings:
    """How a training image is cropped, flipped and coloured.

    Attributes:
        crop_size: height, width of the network input, pixels.
        scale_range: lowest and highest value of the random factor u of `scale_reference`.
        scale_reference: what u is relative to. "long_side": the crop is u times the image's long
            side (SBD, COCO); "input": the crop is u times the network input, in image pixels
            (KINS, Cityscapes); "native": u is the zoom itself, network pixels an image pixel,
            wherever the crop lies in the image (microscopy, where sizes mean something);
            "relative": the image's long side is shown u times as long as the crop's, wherever the
            crop lies in the image (objects a fixed share of their images, whatever the resolution).
        flip_probability: of mirroring left and right.
        vertical_flip_probability: of mirroring top and bottom.
        rotate90: turn by a random multiple of 90 degrees (square crops only).
        brightness, contrast, saturation: each factor is drawn from 1 -+ this; 0 leaves it alone.
        lighting: standard deviation of the PCA lighting; 0 leaves it alone.
        grayscale_probability: of dropping the colours.
        invert_probability: of inverting the intensities.
        enabled: False shows the whole image, letterboxed and unchanged (for overfitting a few
            images).
    """

    crop_size: tuple[int, int] = (512, 512)
    scale_range: tuple[float, float] = (0.6, 1.4)
    scale_reference: ScaleReference = "long_side"
    flip_probability: float = 0.5
    vertical_flip_probability: float = 0.0
    rotate90: bool = False
    brightness: float = 0.4
    contrast: float = 0.4
    saturation: float = 0.4
    lighting: float = 0.1
    grayscale_probability: float = 0.0
    invert_probability: float = 0.0
    enabled: bool = True

    def __post_init__(self) -> None:
        if (
            len(self.crop_size) != 2
            or min(self.crop_size) < 32
            or any(side % 32 for side in self.crop_size)
        ):
            raise ValueError(f"crop_size must be multiples of 32, not {self.crop_size}")
        if not 0 < self.scale_range[0] <= self.scale_range[1]:
            raise ValueError(f"scale_range must be 0 < low <= high, not {self.scale_range}")
        if self.scale_reference not in get_args(ScaleReference):
            raise ValueError(
                f"scale_reference must be one of {', '.join(get_args(ScaleReference))}, "
                f"not {self.scale_reference!r}"
            )
        if self.rotate90 and self.crop_size[0] != self.crop_size[1]:
            raise ValueError("rotate90 needs a square crop_size")
        for name in ("brightness", "contrast", "saturation"):
            if not 0 <= getattr(self, name) < 1:
                raise ValueError(f"{name} must lie in [0, 1), not {getattr(self, name)}")
        for name in (
            "flip_probability",
            "vertical_flip_probability",
            "grayscale_probability",
            "invert_probability",
        ):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name} must lie in [0, 1], not {getattr(self, name)}")
