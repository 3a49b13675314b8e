"""The studies of boundaries: no runs of another budget, and the same objects at every stage."""

from __future__ import annotations

import json
import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from random_networks import random_network

from e2ec.bench.studies.boundary_rows import Row
from e2ec.bench.studies.boundary_study import StudyOptions, run_row
from e2ec.bench.studies.evolution_pictures import PictureOptions, contours_on_their_way
from e2ec.bench.studies.point_accuracy import open_run
from e2ec.config import EvolutionSettings
from e2ec.engine.predict.predictor import Predictor
from e2ec.engine.weights.checkpoint import save_weights
from e2ec.families.contour.card import ContourCard
from e2ec.results.contours import Contours
from lib.errors import InputError

CARD = ContourCard(
    "nano",
    class_names=("a", "b", "c"),
    category_ids=(1, 2, 3),
    nms_iou=0.05,
    score_threshold=0.0,
    max_detections=12,
)
IMAGE = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)


def test_a_finished_run_counts_only_for_its_own_start_and_budget(tmp_path: Path) -> None:
    options = StudyOptions("synthetic", epochs=3, out=tmp_path)
    run = tmp_path / "synthetic" / "e2ec-0"
    run.mkdir(parents=True)
    metrics = {"refine2": [50.0, 40.0, 30.0]}
    (run / "comparison.json").write_text(json.dumps(metrics))
    said = {"model": {"weights": "bundled"}, "train": {"epochs": 3}, "optim": {"lr": 5e-4}}
    (run / "config.json").write_text(json.dumps(said))
    assert run_row("e2ec", None, 0, options) == metrics  # type: ignore[arg-type]
    for other in ({"epochs": 4}, {"lr": 1e-3}, {"start": Path("w.safetensors")}):
        option = next(iter(other))
        with pytest.raises(InputError, match=rf"e2ec-0: was trained with --{option}.*--out"):
            run_row("e2ec", None, 0, replace(options, **other))  # type: ignore[arg-type]


def test_a_stopped_training_is_not_evaluated(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`train.py` ends with status 0 when it is told to stop; its best weights are written last."""
    ended = subprocess.CompletedProcess((), 0)
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: ended)
    options = StudyOptions("synthetic", out=tmp_path)
    with pytest.raises(InputError, match=r"e2ec-0: the training was stopped; the same command"):
        run_row("e2ec", Row(), 0, options)


def test_rows_that_there_are_not() -> None:
    with pytest.raises(ValueError, match="offset: the table comparison has e2ec, alone"):
        StudyOptions("nuclei", rows=("e2ec", "offset"))
    StudyOptions("nuclei", rows=("offset",), table="ablation")


def test_accuracy_pairs_the_objects_of_both_stages(tmp_path: Path) -> None:
    """With suppression, which sees the contours of one stage alone, there are fewer."""
    path = tmp_path / "last" / "weights.safetensors"
    path.parent.mkdir()
    save_weights(path, random_network(sharp="classify"), CARD)
    suppressed = Predictor(random_network(sharp="classify").eval(), CARD)
    assert len(suppressed.predict(IMAGE, stage="sharp")) < 12
    (found,) = open_run(tmp_path).predict_stages([IMAGE], stages=("refine2", "sharp"))
    assert len(found["refine2"]) == len(found["sharp"]) == 12


@pytest.mark.parametrize("movement", [None, "offset"])
def test_accuracy_wants_a_classifier(tmp_path: Path, movement: str | None) -> None:
    path = tmp_path / "last" / "weights.safetensors"
    path.parent.mkdir()
    save_weights(path, random_network(sharp=movement), CARD)
    with pytest.raises(InputError, match="no stage sharp that classifies points"):
        open_run(tmp_path)


def test_frames_are_of_one_object() -> None:
    predictor = Predictor(random_network(sharp="classify").eval(), CARD)
    options = PictureOptions(images=(Path("a.png"),), out=Path("b.jpg"), min_score=0.0)
    frames = contours_on_their_way(predictor, predictor, IMAGE, 1, options)
    start = predictor.predict(IMAGE, stage="init", score_threshold=0.0).parts[1][0]
    assert len({frame.shape for frame in frames}) == 1 and len(frames) == 4
    # The first frame is the contour itself, with more vertices.
    assert np.abs(frames[0].min(axis=0) - start.min(axis=0)).max() < 0.2
    assert np.abs(frames[-1] - frames[0]).max() > 1e-3


def test_frames_of_an_instance_that_stays_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """A ring that would cross itself is returned with its own vertices: no frame to compare."""
    predictor = Predictor(random_network(sharp="classify").eval(), CARD)
    options = PictureOptions(images=(Path("a.png"),), out=Path("b.jpg"), min_score=0.0)
    moved = predictor.refine

    def refine(image: np.ndarray, given: Contours, *, evolution: EvolutionSettings) -> Contours:
        return given if evolution.iterations == 2 else moved(image, given, evolution=evolution)

    monkeypatch.setattr(predictor, "refine", refine)
    with pytest.raises(InputError, match=r"instance 1 would cross itself.*--instances"):
        contours_on_their_way(predictor, predictor, IMAGE, 1, options)


def test_pictures_of_nothing(tmp_path: Path) -> None:
    predictor = Predictor(random_network(sharp="classify").eval(), CARD)
    options = PictureOptions(images=(Path("a.png"),), out=Path("b.jpg"), min_score=1.0)
    with pytest.raises(InputError, match="no instance is found"):
        contours_on_their_way(predictor, predictor, IMAGE, None, options)
    with pytest.raises(InputError, match="no instance 13"):
        contours_on_their_way(predictor, predictor, IMAGE, 13, options)
    for wrong in ({"out": Path("b.gif")}, {"images": ()}, {"instances": (1, 2)}):
        with pytest.raises(ValueError, match=r"--out|name an image|--instances"):
            replace(options, **wrong)  # type: ignore[arg-type]
