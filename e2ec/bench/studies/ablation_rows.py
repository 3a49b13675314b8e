"""What the ablation trains: tables of rows, a row's options of `train.py`, and the paper's numbers.

Rows differ from the budget that all of them share (`ablation_options`) by their options alone: the
method as it is has none. In options `{half}` and `{late}` are epochs, half and three quarters of
the budget. Rows of several tables that have the same options share their runs.
"""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from typing import Literal

TableName = Literal["table1", "matching", "network", "ingredients"]


@dataclass(frozen=True)
class Row:
    """A line of a table.

    Attributes:
        name: in the table, and of the folder of its runs.
        options: of `train.py`, or of `test.py` where `tests` is set.
        paper: AP and boundary AP of the paper's Table 1 (SBD val, DLA-34), where it has them.
        tests: the name of a row whose weights are evaluated with these options: nothing is trained.
    """

    name: str
    options: tuple[str, ...] = ()
    paper: tuple[float, float] | None = None
    tests: str | None = None


def _row(
    name: str, options: str = "", paper: tuple[float, float] | None = None, tests: str | None = None
) -> Row:
    return Row(name, tuple(shlex.split(options)), paper, tests)


# Smooth L1 at the last module too.
_L1 = "--loss.last-stage smooth_l1"
_BOX = f"--model.no-global-deformation --data.targets.pairing nearest {_L1} --model.initial"

TABLE1 = (
    _row("baseline, octagon", f"{_BOX} box_octagon", (54.4, 10.8)),
    _row("baseline, ellipse", f"{_BOX} box_ellipse"),
    _row(
        "baseline, octagon, M=1",
        "--model.initial box_octagon --model.no-global-deformation --data.targets.directions 1 "
        + _L1,
    ),
    _row(
        "learned, no global deformation, M=1",
        f"--model.no-global-deformation --data.targets.directions 1 {_L1}",
    ),
    _row("+ architecture (M=1)", f"--data.targets.directions 1 {_L1}", (57.5, 17.0)),
    _row("+ alignment, M=2", f"--data.targets.directions 2 {_L1}", (58.9, 17.1)),
    _row("+ alignment, M=4: smooth L1", _L1, (58.8, 18.0)),
    _row("+ alignment, M=8", f"--data.targets.directions 8 {_L1}", (58.4, 17.2)),
    _row("+ alignment, M=16", f"--data.targets.directions 16 {_L1}"),
    _row("last module: Chamfer", "--loss.last-stage chamfer", (58.2, 18.4)),
    _row("+ dynamic matching", "", (59.2, 19.1)),
)
"""Table 1a to c; 1d is in the columns of the stages."""

MATCHING = (
    _row("smooth L1", _L1, (58.8, 18.0)),
    _row("Chamfer", "--loss.last-stage chamfer", (58.2, 18.4)),
    _row("dynamic matching", "", (59.2, 19.1)),
    _row("from the first epoch", "--loss.matching-start-epoch 0"),
    _row("from half of the epochs", "--loss.matching-start-epoch {half}"),
    _row("from three quarters", "--loss.matching-start-epoch {late}"),
    _row("distance L1", "--loss.matching-distance l1"),
    _row("tolerance 3", "--data.targets.key-tolerance 3"),
    _row("tolerance 6", "--data.targets.key-tolerance 6"),
    _row("tolerance a tenth of the size", "--data.targets.key-tolerance-share 0.1"),
    _row("tolerance a twentieth", "--data.targets.key-tolerance-share 0.05"),
    _row("averaged by contour", "--loss.matching-average contours"),
    _row(
        "a tenth, by contour",
        "--data.targets.key-tolerance-share 0.1 --loss.matching-average contours",
    ),
    _row("to the boundary alone", "--loss.matching-directions to_boundary"),
    _row("from the keys alone", "--loss.matching-directions from_keys"),
    _row("at all refinements", "--loss.matching-stages all"),
    _row("128 vertices", "--data.targets.vertices 128"),
)

NETWORK = (
    _row("as it is"),
    _row("32 vertices", "--data.targets.vertices 32"),
    _row("128 vertices", "--data.targets.vertices 128"),
    _row("1 refinement", "--model.refinements 1"),
    _row("3 refinements", "--model.refinements 3"),
    _row("hidden layer of 2N", "--model.global-hidden 128"),
    _row("activation between", "--model.global-activation relu"),
    _row(
        "the paper's network",
        "--model.refinements 2 --model.global-hidden 128 --model.global-activation relu "
        "--loss.no-average-refinements --loss.matching-distance l1",
    ),
)
"""Around the budget's 64 vertices and nano's two refinements."""

INGREDIENTS = (
    _row("as it is"),
    _row("smooth L1", _L1),
    _row("refinements not averaged", "--loss.no-average-refinements"),
    _row("contour loss", "--loss.contour-weight 1"),
    _row("contour loss in place of matching", f"--loss.contour-weight 1 {_L1}"),
    _row("colours left alone", "--data.augmentation.brightness 0 --data.augmentation.contrast 0 "
         "--data.augmentation.saturation 0 --data.augmentation.lighting 0"),
    _row("scales by their logarithm", "--data.augmentation.scale-distribution log"),
    _row("gamma, hue, blur and noise", "--data.augmentation.gamma 0.3 --data.augmentation.hue 15 "
         "--data.augmentation.blur-probability 0.2 --data.augmentation.noise 0 8"),
    _row("copy-paste", "--data.augmentation.copy-paste-probability 0.5"),
    _row("copy-paste, matched, not on others", "--data.augmentation.copy-paste-probability 0.5 "
         "--data.augmentation.copy-paste-matched --data.augmentation.copy-paste-overlap 0"),
    _row("mosaic", "--data.augmentation.mosaic-probability 0.5"),
    _row("heat map by extent", "--data.targets.heatmap extent"),
    _row("what is not learned ignored", "--data.targets.ignore-unlearned"),
    _row("largest part alone", "--data.targets.parts largest"),
    _row("scores predict the IoU", "--model.contour-iou"),
    _row("contour loss on all refinements",
         "--loss.contour-weight 1 --loss.contour.stage refinements"),
    _row("boundary map", "--model.boundary-map"),
    _row("distillation", "--loss.distillation-weight 0.5"),
    _row("loss on steps", "--loss.steps-weight 0.1"),
    _row("both flips at test time", "--eval.flips both", tests="as it is"),
    _row("three scales at test time", "--eval.scales 0.75 1.0 1.25", tests="as it is"),
    _row("boxes suppressed above 0.7", "--eval.nms-iou 0.7", tests="as it is"),
)  # fmt: skip

TABLES: dict[TableName, tuple[Row, ...]] = {
    "table1": TABLE1,
    "matching": MATCHING,
    "network": NETWORK,
    "ingredients": INGREDIENTS,
}


def runs_of(row: Row) -> str:
    """The name that the runs of a row go by: of the first row with the same options."""
    every = (one for rows in TABLES.values() for one in rows)
    same = next((one for one in every if (one.options, one.tests) == (row.options, row.tests)), row)
    return "".join(c if c.isalnum() else "_" for c in same.name).strip("_")


def words_of(row: Row, epochs: int) -> list[str]:
    """A row's options with its epochs filled in."""
    places = {"half": epochs // 2, "late": epochs * 3 // 4}
    return [word.format(**places) for word in row.options]
