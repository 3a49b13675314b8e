"""The study of mask losses on contours: it begins where it says, and contours come nearer."""

from __future__ import annotations

import pytest

from e2ec.bench.studies.mask_loss_study import StudyOptions, descended, main, mean_iou, outlines
from e2ec.contour_loss_config import ContourLossConfig


def test_contours_begin_beside_their_labels_and_come_nearer() -> None:
    options = StudyOptions(shapes=4)
    label, start = outlines(options)
    assert label.shape == start.shape == (4, 64, 2)
    moves = start - label
    assert moves.std().item() == pytest.approx(0.03 * 60, rel=0.1)
    assert moves[..., 0].mean().item() == pytest.approx(1, abs=0.3)
    before = mean_iou(start, label)
    assert mean_iou(label, label) == 1 and 0.8 < before < 0.95
    found = descended(start, label, ContourLossConfig(kind="dice"), steps=40)
    assert mean_iou(found, label) > before + 0.03


def test_a_line_for_every_loss(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--shapes", "2", "--steps", "2", "--timed", "2"]) == 0
    lines = capsys.readouterr().out.splitlines()
    names = ["loss", "---", "before", "contour", "dice", "boundary", "edge_mse", "distance_mse"]
    assert [line.strip("| ").split("|")[0].strip() for line in lines] == names
    # Without data no gradients are made up.
    assert all(line.count("|") == 4 for line in lines)
