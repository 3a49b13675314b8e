"""Losses of masks on contours: where they lead, what they cost, and how strong they are.

    python -m e2ec.bench.studies.mask_loss_study [--root /data/nuclei]

Contours of generated outlines, every vertex moved at random and all of them sideways, follow each
loss by gradient descent. The table says the mean IoU at the end, the milliseconds of a loss of 350
contours forward and backward, and, with --root, the length of the gradient that a weight of 1 gives
the parameters of the bundled model's refinement on a batch of nuclei, beside that of the loss they
are trained by.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

import numpy as np
import torch
from torch import Tensor

from e2ec.app.commands.command_line import run
from e2ec.app.commands.options import parse_options
from e2ec.bench.report import table
from e2ec.bench.studies.random_shapes import SIDE, random_shape
from e2ec.config import ContourLossConfig, MaskLoss
from e2ec.engine.data.open_data import build_dataset
from e2ec.engine.train.build import build_loader, build_model
from e2ec.families.bundled import BUNDLED, weights_path
from e2ec.families.find_family import family_of
from e2ec.families.preprocess import normalize
from e2ec.losses.contour_as_mask import contour_as_mask_loss
from e2ec.named_settings import with_settings
from e2ec.presets import load_preset
from lib.ops import align_contours
from lib.ops.polygons.signed_distances import signed_distances

KINDS: tuple[MaskLoss, ...] = get_args(MaskLoss)
_BOX = 60.0
_SHEET = 256
"""Pixels a side of an outline's box, and of the place that IoU is counted on."""


@dataclass(frozen=True)
class StudyOptions:
    """Losses of masks on contours."""

    shapes: int = 24
    """Generated outlines, half of them stars."""
    vertices: int = 64
    """Of every contour."""
    noise: float = 0.03
    """Standard deviation of the vertices' moves, as a part of the box's side."""
    steps: int = 150
    """Of Adam; the learning rate falls from 0.1 to 0."""
    grid: int = 32
    """Cells of the grid along x and along y."""
    timed: int = 350
    """So many contours are timed."""
    root: Path | None = None
    """Folder of the preset nuclei; without it no gradients are measured."""
    seed: int = 0

    def __post_init__(self) -> None:
        if min(self.shapes, self.steps, self.timed) < 1 or self.vertices < 3:
            raise ValueError("--shapes, --steps and --timed must be positive, --vertices 3 or more")


def outlines(options: StudyOptions) -> tuple[Tensor, Tensor]:
    """Labels and contours (n, V, 2) that begin beside them, float32, pixels of the sheet."""
    rng = np.random.default_rng(options.seed)
    kinds = ("smooth", "star")
    rings = [random_shape(kinds[i % 2], rng).rings[0] for i in range(options.shapes)]
    scaled = [ring * _BOX / SIDE + _SHEET / 2 for ring in rings]
    label = align_contours(scaled, options.vertices, 4)
    moved = label + rng.normal(0, options.noise * _BOX, label.shape) + [_BOX / 60, 0]
    return torch.tensor(label, dtype=torch.float32), torch.tensor(moved, dtype=torch.float32)


def descended(start: Tensor, label: Tensor, settings: ContourLossConfig, steps: int) -> Tensor:
    """Where contours come to that follow the loss."""
    contours = start.clone().requires_grad_()
    optimizer = torch.optim.Adam([contours], lr=0.1)
    schedule = torch.optim.lr_scheduler.LinearLR(optimizer, 1.0, 0.0, steps)
    for _ in range(steps):
        optimizer.zero_grad()
        contour_as_mask_loss(contours, label, settings).backward()
        optimizer.step()
        schedule.step()
    return contours.detach()


def mean_iou(first: Tensor, second: Tensor) -> float:
    """Of contours as masks of whole pixels."""
    masks, others = (signed_distances(one, _SHEET, _SHEET) > 0 for one in (first, second))
    return ((masks & others).sum((1, 2)) / (masks | others).sum((1, 2))).mean().item()


def milliseconds(label: Tensor, settings: ContourLossConfig, count: int) -> float:
    """Forward and backward of so many contours, the median of five."""
    label = label.repeat(-(-count // len(label)), 1, 1)[:count]
    contours = (label + 1).requires_grad_()
    took = []
    for _ in range(6):
        start = time.perf_counter()
        contour_as_mask_loss(contours, label, settings).backward()
        took.append(1000 * (time.perf_counter() - start))
    return statistics.median(took[1:])


def gradient_lengths(root: Path, seed: int) -> dict[str, float]:
    """The length of the gradient of the refinement's parameters by each loss alone, on one batch.

    "refinement" is the loss that they are trained by, dynamic matching included.
    """
    weights = {"model.weights": weights_path(Path(BUNDLED)), "data.root": root, "data.workers": 0}
    config = with_settings(load_preset("nuclei"), {**weights, "train.seed": seed})
    dataset = build_dataset(config, "train")
    loader, _ = build_loader(config, dataset, rank=0, world_size=1, device=torch.device("cpu"))
    batch = next(iter(loader))
    network = build_model(config, len(dataset.class_names))
    family = family_of(config)
    parameters = [p for name, p in network.named_parameters() if name.startswith("refinement.")]
    lengths = {}
    for kind in ("refinement", *KINDS):
        chosen = {"loss.contour_weight": 1.0, "loss.contour.start": 0.0}
        if kind != "refinement":
            chosen["loss.contour.kind"] = kind  # type: ignore[assignment]
        settings = with_settings(config, chosen)
        loss = family.loss(settings)
        output = family.forward(network, normalize(batch.images), batch)
        losses = loss(output, batch, loss.counts(batch), epoch=config.train.epochs - 1)
        one = losses["refinement" if kind == "refinement" else "contour"]
        gradients = torch.autograd.grad(one, parameters, allow_unused=True)
        lengths[kind] = float(
            torch.nn.utils.get_total_norm([g for g in gradients if g is not None])
        )
    return lengths


def main(arguments: Sequence[str] | None = None) -> int:
    """Print a line for every loss."""
    options = parse_options(StudyOptions, arguments)
    torch.set_num_threads(1)
    label, start = outlines(options)
    lengths = {} if options.root is None else gradient_lengths(options.root, options.seed)
    rows = [["before", f"{mean_iou(start, label):.3f}", "", f"{lengths.get('refinement', 0):.2f}"]]
    for kind in KINDS:
        settings = ContourLossConfig(kind=kind, grid=options.grid)
        found = mean_iou(descended(start, label, settings, options.steps), label)
        took = milliseconds(label, settings, options.timed)
        rows.append([kind, f"{found:.3f}", f"{took:.0f}", f"{lengths.get(kind, 0):.2f}"])
    columns = 4 if lengths else 3
    header = [
        "loss",
        "mean IoU",
        f"ms of {options.timed} contours",
        "gradient (refinement: first line)",
    ]
    print(table(header[:columns], [row[:columns] for row in rows]))
    return 0


if __name__ == "__main__":
    sys.exit(run(main))
