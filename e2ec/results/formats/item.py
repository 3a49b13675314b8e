"""What every writer of a format is given: the contours of one image, and where they belong."""

from __future__ import annotations

from collections.abc import Callable, Container
from dataclasses import dataclass
from pathlib import PurePosixPath

import numpy as np

from dataset.index.inputs import leads_out
from e2ec.results.instances import Instances
from lib.errors import InputError


@dataclass(frozen=True)
class ImageResult:
    """The contours of one image, to be written.

    Attributes:
        name: name of the image's file, relative to the folder of images, with forward slashes.
        contours: found in it, or labelled on it.
        image_id: its number, as COCO has it.
        labels: they are labels of people, so that no scores are written.
        crowd: by instance whether it is a crowd region; empty where none is.
        pixels: gives the (H, W) or (H, W, C) image, for measurements; None where there is none.
        path: path of the image relative to the file that is written, for formats that name it
            (LabelMe); without, the file name alone.
        result_stem: what the files of the image are called, without a suffix, where that is not the
            name without its own: two images may differ by their suffixes alone.
        others: stems of all images that are written into the same folder, where they are known:
            further files of this one (layers of masks) are not called like theirs.

    Raises:
        InputError: the name leads out of its folder.
    """

    name: str
    contours: Instances
    image_id: int = 1
    labels: bool = False
    crowd: tuple[bool, ...] = ()
    pixels: Callable[[], np.ndarray] | None = None
    path: str | None = None
    result_stem: str | None = None
    others: Container[str] = ()

    def __post_init__(self) -> None:
        if leads_out(self.name):
            raise InputError(f"{self.name}: leads out of the folder of images; name a file in it")

    @property
    def stem(self) -> str:
        """What the files of the image are called, without a suffix."""
        if self.result_stem is not None:
            return self.result_stem
        return PurePosixPath(self.name).with_suffix("").as_posix()

    @property
    def shown_path(self) -> str:
        """The path of the image as the file names it."""
        return PurePosixPath(self.name).name if self.path is None else self.path

    def is_crowd(self, index: int) -> bool:
        """Whether an instance is a crowd region."""
        return bool(self.crowd) and self.crowd[index]
