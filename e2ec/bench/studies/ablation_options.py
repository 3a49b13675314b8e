"""The options of `python -m e2ec bench ablation`, and the budget of its runs; loads no torch."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from tyro.conf import FlagCreatePairsOff

from e2ec.bench.studies.ablation_rows import TABLES, TableName

DataName = Literal["nuclei", "coco_mini", "synthetic"]

EPOCHS: dict[DataName, int] = {"nuclei": 16, "coco_mini": 12, "synthetic": 10}
"""Some 10 minutes of one core a run, of synthetic 5."""

_COMMON = shlex.split("""
    --data.workers 0 --data.targets.vertices 64 --model.architecture nano --model.weights None
    --eval.stage final-dml --train.eval-iou-types segm boundary --train.ema-decay 0.99
    --optim.schedule cosine --optim.warmup-steps 50 --optim.lr 1.5e-3
""")
_BUDGETS: dict[DataName, str] = {
    "nuclei": "nuclei --data.augmentation.crop-size 128 128 --train.batch-size 4",
    "coco_mini": "custom --data.augmentation.crop-size 192 192 --train.batch-size 4 "
    "--eval.nms-iou 1.0",
    "synthetic": "synthetic --data.augmentation.crop-size 128 128 --data.view.size 128 128 "
    "--train.batch-size 4",
}


@dataclass(frozen=True)
class AblationOptions:
    """Train every row of a table with every seed for the same short time, and write the table.

    What has been trained is not trained again: the command goes on where it was stopped.
    """

    data: DataName = "nuclei"
    """nuclei: as the preset expects it; coco_mini: COCO's layout, all classes merged into one;
    synthetic: generated."""
    root: Path | None = None
    """Folder of the data."""
    table: TableName = "table1"
    """table1: the paper's Table 1; matching: the dynamic matching loss; network: vertices, modules,
    the paper's network; ingredients: what else may help."""
    rows: tuple[str, ...] = ()
    """Only these of its rows."""
    seeds: int = 3
    """Trainings a row."""
    epochs: int | None = None
    """Of every training; by default some 10 minutes of one core, of synthetic 5."""
    extra: str = ""
    """Further options of train.py for all rows, as one word in quotes; want an --out of their own.
    """
    out: Path = Path("runs/ablation")
    """Folder of all runs: of one budget, other ones want another folder."""
    results: Path | None = None
    """A JSON file that keeps what runs found: those in it are not trained again, even where their
    folders are gone, and those that end are added."""
    known: FlagCreatePairsOff[bool] = False
    """Train nothing: a table of what --results holds, of as many seeds as there are."""
    times: FlagCreatePairsOff[bool] = False
    """Also measure milliseconds an image where the network ends early, after each stage, of the
    first row; leave the machine alone."""
    record: FlagCreatePairsOff[bool] = False
    """Write the table into docs/ablation.md."""

    def __post_init__(self) -> None:
        if self.seeds < 1 or (self.epochs is not None and self.epochs < 1):
            raise ValueError("--seeds and --epochs must be at least 1")
        names = [row.name for row in TABLES[self.table]]
        unknown = [row for row in self.rows if row not in names]
        if unknown:
            raise ValueError(f"--rows {unknown[0]}: the table {self.table} has {'; '.join(names)}")
        if self.known and (self.results is None or self.times):
            raise ValueError("--known needs --results, and measures no --times")
        if self.data != "synthetic" and self.root is None and not self.known:
            raise ValueError(f"--root: name the folder of {self.data}")

    @property
    def length(self) -> int:
        """Epochs of every training."""
        return EPOCHS[self.data] if self.epochs is None else self.epochs

    def budget(self) -> list[str]:
        """The preset and the options that all rows share, besides those that say where data lies.

        Dynamic matching sets in after a quarter of the epochs. The images that are reported are
        looked at once, at the end: no weights are chosen by them.
        """
        epochs = str(self.length)
        words = [*shlex.split(_BUDGETS[self.data]), *_COMMON]
        words += ["--loss.matching-start-epoch", str(self.length // 4)]
        words += ["--train.epochs", epochs, "--train.eval-every", epochs]
        return words + shlex.split(self.extra)
