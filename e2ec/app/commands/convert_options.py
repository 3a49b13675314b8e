"""The command line of `python -m e2ec convert`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from e2ec.config import ConversionTarget, LabelFormat, Split
from e2ec.results.formats.options import FormatOptions


@dataclass(frozen=True)
class ConvertOptions:
    """Write labels in another format; parts, holes and classes are kept unless told otherwise."""

    source: Path
    """Labels to convert: a file or a folder."""
    to: ConversionTarget
    """Format to write."""
    out: Path
    """Folder to write; new or empty."""
    source_format: LabelFormat | None = None
    """Format of the source; None finds it out from the files there."""
    images: Path | None = None
    """Folder of the source's images, where the source does not say it."""
    split: Split = "train"
    """Split to read, where the source has several, and to write, where the target has."""
    val_fraction: float | None = None
    """Write this share of the images as the validation split and the rest as the training split.
    Training chooses the same images (--data.val-fraction, --train.seed)."""
    seed: int = 0
    """Seed of the choice of that share."""
    copy_images: bool = False
    """Copy the images into the new folder too."""
    overwrite: bool = False
    """Write into a folder that is not empty; the labels of the same images are replaced."""
    simplify: float = 0.0
    """Leave out vertices that lie at most this far from the outline without them, in pixels."""
    valid: bool = False
    """Mend outlines that cross themselves; GeoJSON and GeoParquet always do."""
    keep: Literal["all", "largest"] = "all"
    """All parts of an object, or the largest one alone."""
    holes: bool = True
    """Keep holes; --no-holes fills them."""
    decimals: int | None = None
    """Digits after the point of coordinates in pixels; None keeps all."""
    pixel_size: float | None = None
    """Side of a pixel in micrometres: measurements (csv) are given in these too."""

    @property
    def format_options(self) -> FormatOptions:
        """How outlines are changed."""
        return FormatOptions(
            self.simplify, self.valid, self.keep, self.holes, self.decimals, self.pixel_size
        )

    def __post_init__(self) -> None:
        _ = self.format_options  # raises ValueError
        if self.val_fraction is not None and not 0 < self.val_fraction < 1:
            raise ValueError("--val-fraction must lie in (0, 1)")
        if self.val_fraction is not None and self.split != "train":
            raise ValueError("--val-fraction divides the training split; leave out --split")
        if self.seed < 0:
            raise ValueError("--seed must not be negative")
