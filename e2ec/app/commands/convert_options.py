"""The command line of `python -m e2ec convert`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from e2ec.config import ConversionTarget, LabelFormat, Split


@dataclass(frozen=True)
class ConvertOptions:
    """Write labels in another format; all parts, holes and classes are kept."""

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

    def __post_init__(self) -> None:
        if self.val_fraction is not None and not 0 < self.val_fraction < 1:
            raise ValueError("--val-fraction must lie in (0, 1)")
        if self.val_fraction is not None and self.split != "train":
            raise ValueError("--val-fraction divides the training split; leave out --split")
        if self.seed < 0:
            raise ValueError("--seed must not be negative")
