"""What a training run tells: TensorBoard curves and pictures, metrics.json."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from torch.utils.tensorboard import SummaryWriter

from dataset.loading.sample import InstanceDataset
from e2ec.engine.evaluate.evaluator import predict_samples
from e2ec.engine.predict.predictor import Predictor
from e2ec.results.default_score import DEFAULT_SCORE
from e2ec.results.draw.visualize import draw_comparison
from e2ec.results.labelled import labelled_contours
from lib.files import atomic_write_json
from lib.images import write_image

PICTURES = 3
"""Validation images drawn at every evaluation."""


class Report:
    """Writes into the run's folder; does nothing where `enabled` is off (other processes).

    `first_step` is where a continued run sets in: curves of a run that broke off end there.
    """

    def __init__(self, folder: Path, *, enabled: bool = True, first_step: int = 0) -> None:
        self.folder = folder
        self._writer: SummaryWriter | None = None
        if enabled:
            purge = first_step + 1 if first_step else None
            self._writer = SummaryWriter(str(folder), purge_step=purge)

    def close(self) -> None:
        """Write out what is pending."""
        if self._writer is not None:
            self._writer.close()

    def step(self, number: int, losses: Mapping[str, float], rate: float, norm: float) -> None:
        """Curves of one optimiser step; `norm` of the gradient, not finite where it was skipped."""
        if self._writer is None:
            return
        for name, value in losses.items():
            self._writer.add_scalar(f"loss/{name}", value, number)
        self._writer.add_scalar("learning_rate", rate, number)
        if math.isfinite(norm):
            self._writer.add_scalar("gradient_norm", norm, number)

    def epoch(
        self,
        entry: Mapping[str, Any],
        history: list[dict[str, Any]],
        kept: Mapping[str, Any] | None = None,
    ) -> None:
        """Curves of one epoch's metrics, and metrics.json with all epochs so far; `kept` says which
        of them weights.safetensors is of."""
        if self._writer is None:
            return
        for name, value in entry.get("metrics", {}).items():
            if isinstance(value, (int, float)):
                self._writer.add_scalar(name, value, entry["epoch"])
        evaluated = [e for e in history if "metrics" in e]
        latest = evaluated[-1]["metrics"] if evaluated else {}
        document = {"latest": latest, "kept": kept, "history": history}
        atomic_write_json(self.folder / "metrics.json", document, indent=1)

    def picture(self, predictor: Predictor, dataset: InstanceDataset, epoch: int) -> None:
        """Ground truth beside predictions, for some images spread over the data set."""
        if self._writer is None:
            return
        count = min(PICTURES, len(dataset))
        pictures = []
        for number in range(count):
            sample = dataset[number * len(dataset) // count]
            stage = predictor.card.stage
            (found,) = predict_samples(
                predictor, [sample], stages=[stage], score_threshold=DEFAULT_SCORE
            )
            picture = draw_comparison(
                sample.image, labelled_contours(sample, dataset), found[stage], labels=True
            )
            self._writer.add_image(
                f"truth_and_prediction/{sample.name}", picture, epoch, dataformats="HWC"
            )
            pictures.append(picture)
        write_image(self.folder / "pictures" / f"epoch-{epoch:04d}.jpg", stack_pictures(pictures))


def stack_pictures(pictures: Sequence[np.ndarray], *, width: int = 1600) -> np.ndarray:
    """Pictures (H, W, 3) one below the other, each at most `width` pixels wide, on white."""
    rows = []
    for picture in pictures:
        scale = min(1.0, width / picture.shape[1])
        size = (round(picture.shape[1] * scale), max(1, round(picture.shape[0] * scale)))
        rows.append(cv2.resize(picture, size, interpolation=cv2.INTER_AREA))
    widest = max(row.shape[1] for row in rows)
    gap = 4
    padded = [
        np.pad(row, ((0, gap), (0, widest - row.shape[1]), (0, 0)), constant_values=255)
        for row in rows
    ]
    return np.concatenate(padded)[:-gap]
