"""`test.py --results`: what is evaluated as it is."""

from __future__ import annotations

import json
from pathlib import Path

from front_doors import call, coco_folder

SQUARE = [[10.0, 10.0, 40.0, 10.0, 40.0, 40.0, 10.0, 40.0]]


def test_settings_of_prediction_are_said_to_change_nothing(tmp_path: Path) -> None:
    """Results have been made; the settings of the metrics count, those of the network do not."""
    data, path = coco_folder(tmp_path / "data"), tmp_path / "found.json"
    found = {"image_id": 1, "category_id": 1, "score": 0.9, "segmentation": SQUARE}
    path.write_text(json.dumps([found]))
    words = ("test.py", "nuclei", "--data.root", data, "--results", path, "--out", tmp_path / "o")
    plain = call(*words)
    assert plain.status == 0 and "without effect" not in plain.out
    ending = call(*words, "--eval.flips", "both", "--eval.contour-smoothing", "smooth")
    assert ending.status == 0
    (note,) = [line for line in ending.out.splitlines() if "without effect" in line]
    assert note.endswith("made already: --eval.flips, --eval.contour-smoothing")
    assert ending.out.replace(f"{note}\n", "") == plain.out
