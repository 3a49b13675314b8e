"""Prediction in fewer bits, on the bundled model; what a CPU cannot do."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from e2ec.app.commands.demo import default_source
from e2ec.engine.predict.predictor import load_model
from lib.errors import InputError


@pytest.mark.parametrize("stage", ["refine2", "sharp"])
def test_bfloat16_finds_what_float32_finds(stage: str) -> None:
    """The bundled model on a photograph: as many instances, 95 % of vertices within 0.5 pixels."""
    exact, found = (
        load_model(device="cpu", precision=precision).predict(
            default_source(), stage=stage, score_threshold=0.3
        )
        for precision in ("fp32", "bf16")
    )
    assert len(exact) == len(found) > 10
    distances = []
    for (mine,) in found.parts:
        nearest = min(exact.parts, key=lambda parts: np.abs(parts[0] - mine).sum())[0]
        distances.append(np.linalg.norm(nearest - mine, axis=1))
    assert np.mean(np.concatenate(distances) < 0.5) >= 0.95


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"precision": "fp16"}, "fp16 needs a GPU"),
        ({"precision": "bf61"}, "no precision 'bf61'"),
        ({"cuda_graphs": True}, "CUDA graphs need a CUDA device"),
    ],
)
def test_what_a_cpu_cannot_do_is_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        load_model(device="cpu", **options)
