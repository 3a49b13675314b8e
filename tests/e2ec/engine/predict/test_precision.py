"""Prediction in fewer bits, on the bundled model; what a CPU cannot do."""

from __future__ import annotations

import numpy as np
import pytest

from e2ec.app.commands.demo import default_source
from e2ec.engine.predict.predictor import load_model
from lib.errors import InputError


def test_bfloat16_finds_what_float32_finds() -> None:
    """The bundled model on a photograph: as many instances, 95 % of vertices within 0.5 pixels."""
    exact, found = (
        load_model(device="cpu", precision=precision).predict(default_source(), score_threshold=0.3)
        for precision in ("fp32", "bf16")
    )
    assert len(exact) == len(found) > 10
    distances = []
    for (mine,) in found.parts:
        nearest = min(exact.parts, key=lambda parts: np.abs(parts[0] - mine).sum())[0]
        distances.append(np.linalg.norm(nearest - mine, axis=1))
    assert np.mean(np.concatenate(distances) < 0.5) >= 0.95


def test_half_precision_on_a_cpu_is_refused() -> None:
    with pytest.raises(InputError, match="fp16 needs a GPU"):
        load_model(device="cpu", precision="fp16")


def test_an_unknown_precision_is_named() -> None:
    with pytest.raises(InputError, match="no precision 'bf61'"):
        load_model(device="cpu", precision="bf61")  # type: ignore[arg-type]


def test_cuda_graphs_on_a_cpu_are_refused() -> None:
    with pytest.raises(InputError, match="CUDA graphs need a CUDA device"):
        load_model(device="cpu", cuda_graphs=True)
