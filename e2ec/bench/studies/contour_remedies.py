"""Remedies for jagged contours at prediction: AP and jaggedness of every stage with each of them.

    python -m e2ec.bench.studies.contour_remedies nuclei --root /data/nuclei
    python -m e2ec.bench.studies.contour_remedies coco --root /data/coco --weights model_coco.pth

Every row predicts the same images with the same weights, shown and decoded as these say. AP counts
all detections, the measures of contours those of a score that somebody would look at.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from tqdm import tqdm
from tyro.conf import Positional

from dataset.loading.sample import InstanceDataset
from e2ec.app.commands.command_line import run
from e2ec.app.commands.options import parse_options
from e2ec.bench.studies.boundary_study import METRICS, score
from e2ec.config import EvalConfig, MendingSettings
from e2ec.engine.data.open_data import build_dataset
from e2ec.engine.evaluate.evaluator import Results, check_classes, predict_samples
from e2ec.engine.predict.predictor import Predictor, load_model
from e2ec.families.contour.card import ContourCard
from e2ec.metrics.jaggedness import jaggedness
from e2ec.named_settings import with_settings
from e2ec.presets import load_preset
from e2ec.results.contours import Contours
from lib.errors import InputError

ROWS: dict[str, dict[str, Any]] = {
    "nothing": {},
    "filter": {"contour_filter": True},
    "resample": {"contour_smoothing": "resample"},
    "smooth": {"contour_smoothing": "smooth"},
    "filter+smooth": {"contour_filter": True, "contour_smoothing": "smooth"},
}
"""What a row changes in the card of the weights."""
COLUMNS = {
    "contours": (1, 0),
    "reversals": (1, 3),
    "sign changes": (1, 1),
    "turning": (1, 3),
    "turning per length": (1, 3),
    "crossing %": (100, 2),
    "spacing spread": (1, 3),
}
"""The measures of `e2ec.metrics.jaggedness` in their order: what they are multiplied by, digits."""

Measured = dict[str, dict[str, list[float]]]
"""By row, by stage: `METRICS` in percent, then `COLUMNS`."""


@dataclass(frozen=True)
class StudyOptions:
    """AP, AP75, boundary AP and jaggedness by stage, with every remedy at prediction."""

    preset: Positional[str]
    """Names the data."""
    root: Path | None = None
    """Folder of the data, where it is not the preset's."""
    weights: Path | None = None
    """Weights to measure; None takes the bundled model."""
    split: Literal["train", "val"] = "val"
    """Which images."""
    images: int | None = None
    """Only the first of them."""
    threshold: float = 0.3
    """Contours of at least this score are measured."""
    rows: tuple[str, ...] = tuple(ROWS)
    """Only these remedies."""
    mending: MendingSettings = field(default_factory=MendingSettings)
    """How far the remedies go."""

    def __post_init__(self) -> None:
        load_preset(self.preset)
        unknown = [row for row in self.rows if row not in ROWS]
        if unknown or not self.rows:
            raise ValueError(f"--rows {' '.join(unknown)}: there are {', '.join(ROWS)}")
        if not 0 <= self.threshold <= 1:
            raise ValueError("--threshold must lie in [0, 1]")
        if self.images is not None and self.images < 1:
            raise ValueError("--images must be positive")


def open_study(options: StudyOptions) -> tuple[Predictor, InstanceDataset, EvalConfig]:
    """The weights, the images, and how they are scored.

    Raises:
        InputError: one of them is unusable, or the weights are no contour network's.
    """
    said: dict[str, Any] = {f"data.{options.split}_limit": options.images}
    if options.root is not None:
        said["data.root"] = options.root
    config = with_settings(load_preset(options.preset), said)
    if config.data.format == "synthetic" and options.images is not None:
        config = with_settings(config, {f"data.synthetic_{options.split}": options.images})
    dataset = build_dataset(config, options.split)
    published = options.preset if options.weights is not None else None
    predictor = load_model(options.weights, device="cpu", preset=published)
    if not isinstance(predictor.card, ContourCard):
        raise InputError(
            f"{options.weights}: weights of the family {predictor.family.name}, which has no "
            "contours to mend; give those of E2EC"
        )
    check_classes(predictor, dataset, weights=str(options.weights or "bundled"), named=False)
    predictor.card = replace(
        predictor.card,
        class_names=dataset.class_names,
        category_ids=dataset.category_ids,
    )
    limit = predictor.card.max_detections
    return predictor, dataset, replace(config.eval, max_detections=limit, protocol="coco")


def study(
    predictor: Predictor, dataset: InstanceDataset, settings: EvalConfig, options: StudyOptions
) -> Measured:
    """What `table` shows."""
    plain = {
        "contour_filter": False,
        "contour_smoothing": "none",
        "contour_mending": options.mending,
    }
    own = predictor.card
    found: Measured = {}
    for row in options.rows:
        predictor.card = replace(own, **(plain | ROWS[row]))  # type: ignore[arg-type]
        found[row] = measure(predictor, dataset, settings, options.threshold)
    predictor.card = own
    return found


def measure(
    predictor: Predictor, dataset: InstanceDataset, settings: EvalConfig, threshold: float
) -> dict[str, list[float]]:
    """One row: `METRICS` in percent, then `COLUMNS`, by stage."""
    stages = predictor.stages
    results: dict[str, Results] = {stage: [] for stage in stages}
    contours: dict[str, list[np.ndarray]] = {stage: [] for stage in stages}
    for i in tqdm(range(len(dataset)), desc="predict", unit="image", leave=False):
        sample = dataset[i]
        (by_stage,) = predict_samples(predictor, [sample], stages=stages)
        for stage, of_stage in by_stage.items():
            results[stage] += of_stage.to_coco(sample.image_id, segmentation="rle")
            contours[stage] += seen(of_stage, threshold)
    scored = score(results, dataset, settings)
    return {stage: scored[stage] + measures(contours[stage]) for stage in stages}


def seen(found: Contours, threshold: float) -> list[np.ndarray]:
    """All contours of instances of at least this score, each (1, N, 2)."""
    pairs = zip(found.scores, found.parts, strict=True)
    return [part[None] for value, parts in pairs if value >= threshold for part in parts]


def measures(contours: Sequence[np.ndarray]) -> list[float]:
    """`COLUMNS` of contours, each (1, N, 2), pixels."""
    factors = (factor for factor, _ in COLUMNS.values())
    return [f * value for f, value in zip(factors, jaggedness(contours).values(), strict=True)]


def table(found: Measured) -> str:
    """A table in Markdown, a line a row and stage."""
    names = [*METRICS, *COLUMNS]
    digits = [1] * len(METRICS) + [count for _, count in COLUMNS.values()]
    lines = [f"| row | stage | {' | '.join(names)} |", "|---|---|" + "---:|" * len(names)]
    for row, stages in found.items():
        for stage, values in stages.items():
            pairs = zip(values, digits, strict=True)
            cells = ["-" if math.isnan(v) else f"{v:.{count}f}" for v, count in pairs]
            lines.append(f"| {row} | {stage} | {' | '.join(cells)} |")
    return "\n".join(lines)


def main() -> int:
    """Measure, and print the table."""
    options = parse_options(StudyOptions, sys.argv[1:], "e2ec.bench.studies.contour_remedies")
    torch.set_num_threads(1)
    print(table(study(*open_study(options), options)))
    return 0


if __name__ == "__main__":
    sys.exit(run(main))
