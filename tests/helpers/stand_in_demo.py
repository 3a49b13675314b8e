"""demo.py with a model that finds one square in place of a network, and a film for it."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import pytest

from e2ec.bench.studies.stand_in import StandIn


def write_film(path: Path, frames: int) -> Path:
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 10.0, (96, 64))
    for _ in range(frames):
        writer.write(np.zeros((64, 96, 3), np.uint8))
    writer.release()
    return path


def use_stand_in(monkeypatch: pytest.MonkeyPatch, model: StandIn) -> None:
    monkeypatch.setattr("e2ec.app.commands.demo._load", lambda options: model)
    monkeypatch.setattr(StandIn, "card", SimpleNamespace(view=None), raising=False)
