"""The bundled model, on the photograph that `make demo` shows."""

from __future__ import annotations

import numpy as np

import e2ec
from e2ec.app.commands.demo import default_source
from e2ec.engine.predict.predictor import BUNDLED_WEIGHTS
from lib.polygons.geometry import area


def test_it_finds_the_coins() -> None:
    """24 coins in four rows of six, each in one piece."""
    found = e2ec.load_model(device="cpu").predict(default_source(), score_threshold=0.5)
    coins = found[np.array([area(parts[0]) > 1000 for parts in found.parts])]
    assert len(coins) == 24
    rows = np.sort(coins.boxes()[:, [1, 3]].mean(axis=1)).reshape(4, 6)
    assert np.all(np.ptp(rows, axis=1) < 40) and np.all(np.diff(rows.mean(axis=1)) > 40)


def test_its_result_is_the_contour_before_dynamic_matching() -> None:
    """Chosen on the training images: docs/benchmarks.md."""
    model = e2ec.load_model(device="cpu")
    assert model.card.stage == "refine1" and model.network.clip == "edge"


def test_it_is_small_enough_to_be_bundled() -> None:
    assert BUNDLED_WEIGHTS.stat().st_size <= 6_000_000
