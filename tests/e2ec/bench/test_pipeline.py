"""The benchmark of the demonstration does the same on both sides."""

from __future__ import annotations

from pathlib import Path

import pytest

from e2ec.app.commands.demo_options import DemoOptions
from e2ec.bench import pipeline
from lib.images import write_image


def test_both_sides_write_the_same_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pipeline, "HEIGHT", 48)
    monkeypatch.setattr(pipeline, "WIDTH", 64)
    model = pipeline.predictor(pipeline.benchmark_network("nano"), "nano")
    for number in range(3):
        write_image(tmp_path / "in" / f"{number}.jpg", pipeline.photograph(number))
    written = []
    for side in (pipeline.overlapping, pipeline.one_after_the_other):
        out = tmp_path / side.__name__
        images, instances = side(model, DemoOptions(source=str(tmp_path / "in"), out=out, score=0))
        assert images == 3 and instances > 0
        written.append({path.name: path.read_bytes() for path in out.iterdir()})
    assert written[0] == written[1] and len(written[0]) == 4
