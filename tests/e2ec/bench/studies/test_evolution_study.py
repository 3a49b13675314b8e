"""The study of what contours reach with a classifier that is never wrong."""

from __future__ import annotations

import numpy as np
import pytest
import shapely

from e2ec.bench.studies.evolution_study import (
    StudyOptions,
    evolved,
    exact,
    main,
    perturbed,
    regressed,
    rounded,
    score,
    study,
)
from e2ec.bench.studies.random_shapes import KINDS, Shape, random_shape
from e2ec.config import EvolutionSettings

SQUARE = np.array([[0.0, 0.0], [100.0, 0.0], [100.0, 100.0], [0.0, 100.0]])
HOLE = np.array([[30.0, 30.0], [70.0, 30.0], [70.0, 70.0], [30.0, 70.0]])


@pytest.mark.parametrize("kind", KINDS)
def test_contours_move_to_the_true_boundary(kind: str) -> None:
    """From 3 % of the box away; rings of different parts, and holes, stay apart."""
    scores = study(kind, StudyOptions(shapes=4))
    before, after = (np.mean([s.iou for s in scores[n]]) for n in ("perturbed", "evolved"))
    assert before < 0.95 and after > 0.98
    assert all(s.apart for s in scores["evolved"])
    if kind != "smooth":
        corners = {name: np.mean([s.corners for s in found]) for name, found in scores.items()}
        assert corners["evolved"] < corners["perturbed"]


@pytest.mark.parametrize("vertices", [128, 512])
def test_corners_that_were_rounded_off_come_back_where_a_snake_leaves_them(vertices: int) -> None:
    evolution = EvolutionSettings(vertices=vertices)
    scores = study("star", StudyOptions(4, "rounded", 0.01, evolution=evolution))
    corners = {name: np.mean([s.corners for s in found]) for name, found in scores.items()}
    far = {name: np.mean([s.hausdorff for s in found]) for name, found in scores.items()}
    assert corners["evolved"] < 0.5 * corners["perturbed"]
    assert corners["evolved"] < 0.6 * min(corners["regressed, 1"], corners["regressed, 8"])
    assert far["evolved"] < min(far["regressed, 1"], far["regressed, 8"])


def test_scores_by_hand() -> None:
    """A square of side 100 with a hole of side 40: 8400 square pixels. Its outer contour is found
    10 pixels narrower: 1000 less, corners there 10 away at most and 5 on average."""
    shape = Shape(shapely.Polygon(SQUARE, [HOLE]), [SQUARE, HOLE], [1, -1])
    narrow = SQUARE * [0.9, 1.0]
    found = score(shape, np.stack([narrow, HOLE]))
    assert found.iou == pytest.approx(7400 / 8400)
    assert found.hausdorff == pytest.approx(0.1)
    assert found.corners == pytest.approx(0.1 * 2 / 8)  # two of eight corners
    assert found.apart and found.simple == 1
    crossing = score(shape, np.stack([SQUARE * [0.5, 1.0], HOLE[[0, 2, 1, 3]]]))
    assert not crossing.apart and crossing.simple == 0.5


def test_perturbations_have_the_size_asked_for() -> None:
    rng = np.random.default_rng(0)
    shape = random_shape("holes", rng)
    right = exact(shape, 128, rng)
    for waves in (0, 8):
        moves = perturbed(shape, right, 0.03, waves, rng) - right
        sizes = [np.sqrt(np.ptp(ring, axis=0).prod()) for ring in shape.rings]
        rms = np.sqrt((moves**2).sum(2).mean(1))
        assert np.allclose(rms / sizes, 0.03)
    moves = rounded(shape, right, 0.03) - right
    rms = np.sqrt((moves**2).sum(2).mean(1))
    assert ((rms / sizes >= 0.03) & (rms / sizes < 0.032)).all()


def test_from_the_exact_contour_nothing_moves_far() -> None:
    """One step of 0.15 % of the box and no more: states on the boundary flip at once."""
    shape = random_shape("smooth", np.random.default_rng(1))
    right = exact(shape, 128, np.random.default_rng(1))
    size = np.sqrt(np.ptp(right[0], axis=0).prod())
    moved = np.hypot(*np.moveaxis(evolved(shape, right, EvolutionSettings()) - right, 2, 0))
    assert moved.max() < 0.0031 * size
    assert np.allclose(regressed(shape, right, 3, 1), right, atol=1e-6)


def test_prints_a_table(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--shapes", "1", "--evolution.iterations", "1"]) == 0
    header, _, *rows = capsys.readouterr().out.strip().splitlines()
    assert len(rows) == len(KINDS) * 5
    assert {row.count("|") for row in rows} == {header.count("|")}


@pytest.mark.parametrize("arguments", [["--shapes", "0"], ["--waves", "99"]])
def test_impossible_settings_are_usage_errors(arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as exit_:
        main(arguments)
    assert exit_.value.code == 2
