"""The study of early exits: every stage has its turn, and the table says what was measured."""

from __future__ import annotations

import numpy as np
import pytest

from e2ec.bench.harness import measure
from e2ec.bench.inference import benchmark_network, predictor
from e2ec.bench.studies.stage_times import main, stage_row, table


def test_every_stage_has_a_turn_and_a_line(monkeypatch: pytest.MonkeyPatch) -> None:
    """By a clock that the calls move: 2 ms to init, and 1 more for every further stage."""
    model = predictor(benchmark_network("nano"), "nano", instances=2)
    now = [0.0]

    def predict(image: np.ndarray, *, stage: str, score_threshold: float) -> None:
        assert score_threshold == 0.25
        now[0] += 0.002 + 0.001 * model.stages.index(stage)

    monkeypatch.setattr(model, "predict", predict)
    row = stage_row(model, np.zeros((32, 32, 3), np.uint8), score=0.25, threads=1)
    lines = table(measure(row, repeats=2, clock=lambda: now[0]), 7).splitlines()
    assert lines[0].startswith("7 instances, 1 threads")
    assert lines[4:] == [
        "| init | 2.0 | 2.0-2.0 | 40% |",
        "| coarse | 3.0 | 3.0-3.0 | 60% |",
        "| refine1 | 4.0 | 4.0-4.0 | 80% |",
        "| refine2 | 5.0 | 5.0-5.0 | 100% |",
    ]


def test_the_command_finds_as_many_as_asked(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--side", "64", "--instances", "3", "--repeats", "1"]) == 0
    printed = capsys.readouterr().out
    assert printed.startswith("3 instances") and "| refine2 |" in printed
