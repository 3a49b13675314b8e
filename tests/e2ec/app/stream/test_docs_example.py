"""The example in docs/realtime.md is short, and runs."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from e2ec.bench.studies.stand_in import StandIn
from lib.images import write_image

DOCS = Path(__file__).parents[4] / "docs" / "realtime.md"


def test_the_example_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    example = re.search(r"```python\n(.*?)```", DOCS.read_text(), re.DOTALL)
    assert example is not None and len(example[1].splitlines()) <= 30
    for number in range(3):
        write_image(tmp_path / f"{number}.png", np.zeros((32, 32, 3), np.uint8))
    monkeypatch.setattr("e2ec.engine.predict.predictor.load_model", StandIn)
    source = '"rtsp://camera.local/1"'
    assert source in example[1]
    exec(compile(example[1].replace(source, repr(str(tmp_path))), str(DOCS), "exec"), {})
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 4 and lines[0] == "0.00 s: 1 instances, 0 frames dropped so far"
    assert lines[-1] == "nothing was lost or broken"
