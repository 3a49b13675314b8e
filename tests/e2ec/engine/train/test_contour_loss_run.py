"""The contour loss in a run: nothing of it before it sets in, learned from afterwards."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from tiny_run import tiny

from e2ec.engine.train.run import train
from e2ec.named_settings import with_settings

pytestmark = pytest.mark.usefixtures("fresh_accelerator")


def losses_by_epoch(folder: Path, weight: float) -> list[dict[str, float]]:
    config = with_settings(
        replace(tiny(folder, epochs=2, eval_every=2), name=f"weight{weight}"),
        {"loss.contour_weight": weight, "loss.contour.start": 0.5},
    )
    assert train(config)
    history = json.loads((config.out / config.name / "metrics.json").read_text())
    return [epoch["losses"] for epoch in history["history"]]


def test_it_sets_in_with_its_epoch_and_changes_nothing_before(tmp_path: Path) -> None:
    without = losses_by_epoch(tmp_path, 0.0)
    first, second = losses_by_epoch(tmp_path, 1.0)
    assert first.pop("contour") == 0 and first == without[0]
    assert 0 < second.pop("contour") < 3  # k + 1
    assert "contour" not in without[1] and second != without[1]
