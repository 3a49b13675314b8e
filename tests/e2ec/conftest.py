"""Fixtures that several test files share."""

from __future__ import annotations

from pathlib import Path

import pytest
from front_doors import TINY, call


@pytest.fixture(scope="session")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a tiny training run on generated shapes."""
    out = tmp_path_factory.mktemp("runs")
    ending = call("train.py", *TINY, "--out", out)
    assert ending.status == 0, ending
    return out / "synthetic"


@pytest.fixture(scope="session")
def weights(run: Path) -> Path:
    return run / "weights.safetensors"


@pytest.fixture(autouse=True)
def no_display(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody's screen fills with windows."""
    monkeypatch.delenv("DISPLAY", raising=False)


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing may depend on the folder that a program is started from."""
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def fresh_accelerator() -> None:
    """accelerate allows one precision a process; every test starts anew."""
    from accelerate.state import AcceleratorState  # loads torch

    AcceleratorState._reset_state(reset_partial_state=True)
