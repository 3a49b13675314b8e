"""The command line of `python -m e2ec refine`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tyro.conf import FlagCreatePairsOff

from e2ec.config import Precision


@dataclass(frozen=True)
class RefineOptions:
    """Move the masks of COCO results, whoever made them, to the boundaries in the images.

    Stopped at any moment, the same command goes on where it was.
    """

    results: Path
    """COCO results: a list of entries with image_id and segmentation (run lengths or polygons)."""
    images: Path
    """Folder of the images."""
    annotations: Path
    """COCO file that names the images by their ids; labels in it are not used."""
    out: Path
    """File to write: the same entries in the same order, everything but the masks as it was."""
    weights: Path | None = None
    """Weights with the stage sharp; None takes the bundled model."""
    device: str = "auto"
    """auto, cpu, cuda (cuda:1 is the second one) or mps."""
    precision: Precision = "fp32"
    """Arithmetic of the convolutions: bf16 is faster on a processor that has it."""
    keep_unreadable: FlagCreatePairsOff[bool] = False
    """Keep the entries of images that are missing, cannot be read or have another size as they
    are, and count them, instead of ending there."""

    def __post_init__(self) -> None:
        same = [self.out.absolute() == one.absolute() for one in (self.results, self.annotations)]
        if any(same):
            raise ValueError("--out is one of the files that are read; choose another")
