"""The study of label quality by number of directions."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from dataset.formats.coco.read import read_coco
from dataset.synthetic.dataset import SyntheticDataset
from e2ec.bench.studies.alignment_study import label_overlaps, main, overlap, polygons_above
from lib.errors import InputError
from lib.files import atomic_write_json


def test_overlap_of_shifted_squares() -> None:
    """Squares of side 2 shifted by 1: intersection 2, union 6."""
    square = np.array([[0, 0], [2, 0], [2, 2], [0, 2]], dtype=float)
    assert overlap(square, square + np.array([1, 0])) == pytest.approx(2 / 6)


def test_prints_a_table(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "labels.json"
    atomic_write_json(path, SyntheticDataset(3).ground_truth())
    assert main([str(path), "--smallest", "100"]) == 0
    header, _, row = capsys.readouterr().out.strip().splitlines()
    assert header.count("|") == row.count("|")
    assert "labels.json" in row


def test_reports_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"none\.json"):
        main([str(tmp_path / "none.json")])


@pytest.mark.skipif("E2EC_DATA" not in os.environ, reason="E2EC_DATA does not name real data")
@pytest.mark.parametrize(
    "name", ["coco_mini/annotations/instances_val2017.json", "nuclei/instances_val.json"]
)
def test_four_directions_keep_the_shape_of_real_objects(name: str) -> None:
    """M = 4 lies within half a point of the best M."""
    index = read_coco(Path(os.environ["E2EC_DATA"]) / name)
    polygons = polygons_above(index, 32**2)[::4]
    mean = label_overlaps(polygons, 128, (1, 2, 4, 8)).mean(axis=0)
    assert mean[2] > mean.max() - 0.005
    assert mean[2] > 0.99
