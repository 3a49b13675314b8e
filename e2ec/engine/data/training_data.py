"""What a run trains and validates on: the data, a line that says it, a record that keeps it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from dataset.formats.format import Format
from dataset.index.dataset import IndexedDataset
from dataset.loading.sample import InstanceDataset

_SHARES = {0.5: "half", 0.25: "a quarter", 0.2: "a fifth", 0.1: "a tenth"}


@dataclass(frozen=True)
class TrainingData:
    """Data to train and to validate on.

    Attributes:
        train, val: the two.
        format: the format; None for generated data.
        fraction: the share of the training split that `val` is; None where it is one of its own.
        seed: of the choice of that share.
        in_place_of_own: the data has a validation split of its own, which is not used.
    """

    train: InstanceDataset
    val: InstanceDataset
    format: Format | None = None
    fraction: float | None = None
    seed: int = 0
    in_place_of_own: bool = False

    def line(self) -> str:
        """What was recognised, and how many images are for what."""
        return _plain(self._line())

    def _line(self) -> str:
        train, val = _images(len(self.train)), f"{len(self.val):,}"
        if self.format is None:
            return f"data: generated: {train} to train on, {val} to validate"
        text = f"data: {self.format.title}, {self.train.source}: {train} to train on, {val} "
        if self.fraction is None:
            other = "" if self.val.source == self.train.source else f" ({self.val.source})"
            return f"{text}to validate{other}"
        share = _SHARES.get(self.fraction, f"{self.fraction:g}")
        text += f"({share}, --data.val-fraction) to validate"
        if self.in_place_of_own:
            text += ", in place of its own validation split"
        if isinstance(self.val, IndexedDataset) and self.val.object_count() == 0:
            text += "; none of these has an object: choose others with --train.seed"
        return text

    def record(self) -> dict[str, Any] | None:
        """The names of the images and how they were divided, JSON-ready; None for generated data.

        Names are relative to the folder of the images.
        """
        if not isinstance(self.train, IndexedDataset) or not isinstance(self.val, IndexedDataset):
            return None
        divided = self.fraction is not None
        return {
            "format": None if self.format is None else self.format.name,
            "source": {"train": _plain(self.train.source), "val": _plain(self.val.source)},
            "val_fraction": self.fraction,
            "seed": self.seed if divided else None,
            "train": list(map(_plain, self.train.index.image_names)),
            "val": list(map(_plain, self.val.index.image_names)),
        }


def _images(count: int) -> str:
    return f"{count:,} image{'' if count == 1 else 's'}"


def _plain(text: str) -> str:
    """Text that a file and a screen can hold, whatever bytes are in the names of files."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")
