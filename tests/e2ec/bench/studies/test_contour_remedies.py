"""The study of remedies for jagged contours, on a few generated images."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from random_networks import random_network

from e2ec.bench.studies.contour_remedies import (
    COLUMNS,
    ROWS,
    StudyOptions,
    open_study,
    seen,
    study,
    table,
)
from e2ec.config import MendingSettings
from e2ec.engine.weights.checkpoint import save_weights
from e2ec.families.contour.card import ContourCard
from e2ec.metrics.jaggedness import jaggedness
from e2ec.results.contours import Contours

# The weights' own remedies count for no row.
CARD = ContourCard(
    "nano",
    class_names=("a", "b", "c"),
    category_ids=(1, 2, 3),
    score_threshold=0.0,
    max_detections=4,
    contour_smoothing="smooth",
)
STRICT = MendingSettings(reversal_factor=1.0, least_reversals=1)
STAGES = ("init", "coarse", "refine1", "refine2")


def options(tmp_path: Path, **changes: object) -> StudyOptions:
    path = tmp_path / "w.safetensors"
    network = random_network().eval()
    angles = 2 * np.pi * torch.arange(32) / 32
    with torch.no_grad():  # round contours, which the global deformation makes jagged
        network.offsets[2].weight.mul_(0.05)
        network.offsets[2].bias.copy_(4 * torch.stack([angles.cos(), angles.sin()], 1).flatten())
    save_weights(path, network, CARD)
    plain = StudyOptions(
        "synthetic", weights=path, images=2, threshold=0.0, rows=("nothing", "resample", "filter")
    )
    return replace(plain, **changes)  # type: ignore[arg-type]


def test_every_row_is_measured_at_every_stage(tmp_path: Path) -> None:
    chosen = options(tmp_path)
    predictor, dataset, settings = open_study(chosen)
    assert len(dataset) == 2
    found = study(predictor, dataset, settings, chosen)
    assert tuple(found) == chosen.rows and predictor.card.contour_smoothing == "smooth"
    assert all(tuple(stages) == STAGES for stages in found.values())
    # The plain row by hand.
    predictor.card = replace(predictor.card, contour_smoothing="none")
    for stage in STAGES:
        parts = [
            parts[0][None]
            for i in range(2)
            for parts in predictor.predict(dataset[i].image, stage=stage, score_threshold=0.0).parts
        ]
        expected = np.array(list(jaggedness(parts).values())) * [1, 1, 1, 1, 1, 100, 1]
        np.testing.assert_allclose(found["nothing"][stage][3:], expected, rtol=1e-4)
        # The last column is the spread of the vertices' spacing.
        assert found["resample"][stage][-1] < 0.8 * found["nothing"][stage][-1]
    lines = table(found).splitlines()
    assert len(lines) == 2 + 3 * 4 and lines[2].startswith("| nothing | init | ")
    assert all(line.count("|") == lines[0].count("|") for line in lines)


def test_the_filter_lowers_reversals(tmp_path: Path) -> None:
    chosen = options(tmp_path, rows=("nothing", "filter"), mending=STRICT)
    found = study(*open_study(chosen), chosen)
    reversals = 3 + list(COLUMNS).index("reversals")
    before, after = (
        [found[row][stage][reversals] for stage in STAGES] for row in ("nothing", "filter")
    )
    assert before[0] == 0 and min(before[1:]) > 5 and after == [0] * 4


def test_only_contours_that_are_seen_are_measured() -> None:
    square = np.array([[0, 0], [4, 0], [4, 4], [0, 4]], float)
    found = Contours(
        height=8,
        width=8,
        class_names=("a",),
        category_ids=(1,),
        labels=np.zeros(2, np.int64),
        scores=np.array([0.9, 0.2]),
        parts=[[square, square + 1], [square]],
    )
    assert [len(seen(found, threshold)) for threshold in (0.0, 0.2, 0.3, 1.0)] == [3, 3, 2, 0]


def test_wrong_options() -> None:
    for wrong in ({"rows": ("median",)}, {"rows": ()}, {"threshold": 2.0}, {"images": 0}):
        with pytest.raises(ValueError, match=f"--{next(iter(wrong))}"):
            StudyOptions("synthetic", **wrong)  # type: ignore[arg-type]
    assert set(StudyOptions("synthetic").rows) == set(ROWS)
