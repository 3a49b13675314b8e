"""What a run trains and validates on: the data, a line that says it, a record that keeps it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from dataset.index.dataset import IndexedDataset
from dataset.loading.sample import InstanceDataset
from e2ec.engine.data.data_plan import Plan

_SHARES = {0.5: "half", 0.25: "a quarter", 0.2: "a fifth", 0.1: "a tenth"}


@dataclass(frozen=True)
class TrainingData:
    """Data to train and to validate on.

    Attributes:
        train, val: the two.
        plan: what the two were read from; None for generated data.
        seed: of the choice of the share that validates, where one does.
    """

    train: InstanceDataset
    val: InstanceDataset
    plan: Plan | None = None
    seed: int = 0

    def line(self) -> str:
        """What was recognised, and how many images are for what."""
        return _plain(self._line())

    def _line(self) -> str:
        train, val = _images(len(self.train)), f"{len(self.val):,}"
        if self.plan is None:
            return f"data: generated: {train} to train on, {val} to validate"
        text = f"data: {self.plan.format.title}, {self.train.source}: {train} to train on, {val} "
        fraction = self.plan.fraction
        if fraction is None:
            other = "" if self.val.source == self.train.source else f" ({self.val.source})"
            return f"{text}to validate{other}"
        share = _SHARES.get(fraction, f"{fraction:g}")
        text += f"({share}, --data.val-fraction) to validate"
        if self.plan.val is not None:
            text += ", in place of its own validation split"
        if isinstance(self.val, IndexedDataset) and self.val.object_count() == 0:
            text += "; none of these has an object: choose others with --train.seed"
        return text

    def record(self) -> dict[str, Any] | None:
        """The names of the images and how they were divided, JSON-ready; None for generated data.

        Names are relative to the folder of the images.
        """
        if self.plan is None:
            return None
        return {
            "format": self.plan.format.name,
            "source": {"train": _plain(self.train.source), "val": _plain(self.val.source)},
            "val_fraction": self.plan.fraction,
            "seed": None if self.plan.fraction is None else self.seed,
            "train": list(map(_plain, self.train.image_names)),
            "val": list(map(_plain, self.val.image_names)),
        }


def _images(count: int) -> str:
    return f"{count:,} image{'' if count == 1 else 's'}"


def _plain(text: str) -> str:
    """Text that a file and a screen can hold, whatever bytes are in the names of files."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")
