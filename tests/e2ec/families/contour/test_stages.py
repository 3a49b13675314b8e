"""Every stage of the contour: by name, from one run of the network, scored, and chosen."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from coco_scenes import found, truth
from front_doors import TINY, assert_one_line_error, call, write_picture
from tiny_run import tiny

from e2ec.config import EvalConfig
from e2ec.engine.evaluate import validate as validate_module
from e2ec.engine.evaluate.evaluator import Results, evaluate, evaluate_stages, main_metric
from e2ec.engine.predict.predictor import Predictor
from e2ec.engine.train import trainer as trainer_module
from e2ec.engine.train.run import train
from e2ec.engine.weights.checkpoint import load_state, load_weights, save_weights
from e2ec.families.contour.card import ContourCard
from e2ec.families.contour.stages import Stage, check_stage, resolve_stage, stage_names
from lib.errors import InputError
from network.contour.architecture import NANO
from network.contour.e2ec import build_network
from network.contour.global_deform import GlobalDeformation

NANO_STAGES = ("init", "coarse", "refine1", "refine2")
CARD = ContourCard("nano", class_names=("a", "b", "c"), category_ids=(1, 2, 3))
BOX = (20, 20, 100, 100)


# Names


def test_a_network_names_its_stages_in_order() -> None:
    assert stage_names(2) == NANO_STAGES
    assert stage_names(3) == (*NANO_STAGES, "refine3")


@pytest.mark.parametrize(
    ("refinements", "final", "last"),
    [
        (1, "refine1", "refine1"),
        (2, "refine2", "refine2"),
        (3, "refine2", "refine3"),
        (5, "refine2", "refine5"),
    ],
)
def test_every_stage_is_selected_by_its_name(refinements: int, final: str, last: str) -> None:
    """`final` is the contour after the second module, `final-dml` the last; a stage behind the
    refinements changes neither."""
    for names in (stage_names(refinements), (*stage_names(refinements), "sharp")):
        for name in stage_names(refinements):
            assert resolve_stage(name, names) == name
        assert resolve_stage("final", names) == final
        assert resolve_stage("final-dml", names) == last


def test_a_stage_that_the_network_lacks_is_refused_with_those_it_has() -> None:
    with pytest.raises(InputError, match=r"refine3: .*init, coarse, refine1, refine2 .*final"):
        resolve_stage("refine3", NANO_STAGES)
    with pytest.raises(InputError, match=r"last: .*init, coarse, refine1, refine2 .*final"):
        resolve_stage("last", NANO_STAGES)
    with pytest.raises(ValueError, match=r"one of init, .*not 'last'"):
        check_stage("last")


# One run of the network


def random_predictor(nms_iou: float) -> Predictor:
    """Contours that differ from stage to stage, so that other doubles are left out of each."""
    torch.manual_seed(0)
    network = build_network(num_classes=3, architecture=NANO, vertices=16, part_votes=True)
    with torch.no_grad():
        network.offsets[2].weight.mul_(3)
        for snake in network.refinement.snakes:
            snake.prediction[-1].weight.mul_(300)
    card = replace(CARD, nms_iou=nms_iou, score_threshold=0.0, max_detections=30)
    return Predictor(network.double(), card)


def test_all_stages_at_once_are_those_one_by_one() -> None:
    predictor = random_predictor(0.7)
    images = [np.random.default_rng(k).integers(0, 256, (64, 64, 3), np.uint8) for k in range(3)]
    runs: list[int] = []
    predictor.network.register_forward_hook(lambda *_: runs.append(1))
    together = predictor.predict_stages(images)
    assert len(runs) == 1
    assert len({len(result) for result in together[0].values()}) > 1
    for image, by_stage in zip(images, together, strict=True):
        assert tuple(by_stage) == predictor.stages == NANO_STAGES
        for stage, result in by_stage.items():
            alone = predictor.predict(image, stage=stage, score_threshold=0.0)
            assert np.allclose(result.scores, alone.scores) and len(result) > 0
            assert np.array_equal(result.labels, alone.labels)
            for mine, other in zip(result.parts, alone.parts, strict=True):
                assert np.allclose(np.concatenate(mine), np.concatenate(other), atol=1e-9)


# Scores


def moved(by: int, score: float = 0.9) -> Results:
    """The box, and how far it lies beside the truth: 10 pixels leave an IoU of 0.82."""
    return [found(1, 1, (BOX[0] + by, *BOX[1:]), score)]


def results(**by: int) -> dict[Stage, Results]:
    return {stage: moved(distance) for stage, distance in by.items()}  # type: ignore[misc]


@pytest.mark.parametrize("protocol", ["coco", "sbd"])
@pytest.mark.parametrize("types", [("segm",), ("segm", "bbox", "boundary"), ("bbox", "segm")])
def test_the_best_stage_is_evaluated_in_full(protocol: Any, types: Any) -> None:
    """Each stage has the value that evaluating it alone gives; the best has all of its values."""
    config = EvalConfig(protocol=protocol, iou_types=types, per_class=True)
    scene, by_stage = truth([(1, 1, BOX)]), results(init=40, coarse=5, refine1=20, refine2=30)
    stage, metrics = evaluate_stages(by_stage, scene, config)
    assert stage == "coarse"
    values = {key: metrics.pop(key) for key in list(metrics) if key.startswith("stages/")}
    boundaries = {k: metrics.pop(k) for k in list(metrics) if k.startswith("stages_boundary/")}
    assert metrics == evaluate(by_stage["coarse"], scene, config)
    assert list(values) == [f"stages/{name}" for name in NANO_STAGES]
    for name, alone in by_stage.items():
        expected = evaluate(alone, scene, config)[main_metric(config)]
        assert values[f"stages/{name}"] == pytest.approx(expected)
    assert len(set(values.values())) == 4
    expected_boundaries = {
        f"stages_boundary/{name}": evaluate(alone, scene, config)["boundary/AP"]
        for name, alone in by_stage.items()
        if "boundary" in types
    }
    assert boundaries == expected_boundaries


def test_of_equal_stages_the_last_one_wins() -> None:
    config = EvalConfig(iou_types=("segm",))
    by_stage = results(init=40, coarse=5, refine1=5, refine2=40)
    assert evaluate_stages(by_stage, truth([(1, 1, BOX)]), config)[0] == "refine1"
    stage, metrics = evaluate_stages(by_stage, truth([]), config)
    assert stage == "refine2" and metrics["stages/init"] is None


@pytest.mark.parametrize(("stage", "same_as"), [("init", "init"), ("final-dml", "refine2")])
def test_the_stage_of_the_settings_is_kept(stage: Stage, same_as: Stage) -> None:
    config, scene = EvalConfig(iou_types=("segm",)), truth([(1, 1, BOX)])
    by_stage = results(init=40, coarse=5, refine1=20, refine2=30)
    asked = resolve_stage(stage, tuple(by_stage))
    chosen, metrics = evaluate_stages(by_stage, scene, config, stage=asked)
    assert chosen == same_as
    assert metrics["segm/AP"] == metrics[f"stages/{same_as}"]
    assert metrics["segm/AP"] == evaluate(by_stage[same_as], scene, config)["segm/AP"]


class Process:
    """The main process of two, as far as `validate` asks."""

    process_index, num_processes, is_main_process = 0, 2, True
    device = torch.device("cpu")

    def reduce(self, value: torch.Tensor, *, reduction: str) -> torch.Tensor:
        return value


def test_the_shares_of_all_processes_are_scored_together(monkeypatch: pytest.MonkeyPatch) -> None:
    """One object an image, one image a process: at `init` the other process found nothing."""
    mine = results(init=0, coarse=0)
    theirs = {stage: [{**r, "image_id": 2} for r in share] for stage, share in mine.items()}
    theirs["init"] = []
    monkeypatch.setattr(validate_module, "predict_dataset", lambda *_, **__: mine)
    monkeypatch.setattr(validate_module, "gather_object", lambda share: [*share, theirs])
    scene = truth([(1, 1, BOX), (2, 1, BOX)], images=2)
    data = type("Data", (), {"__len__": lambda _: 2, "ground_truth": lambda _: scene})()
    config = EvalConfig(iou_types=("segm",))
    stop = SimpleNamespace(requested=False)
    metrics = validate_module.validate(None, data, config, Process(), stop=stop)  # type: ignore[arg-type]
    assert metrics is not None and metrics["stage"] == "coarse"
    # Half of the objects: the precision is 1 at 51 of 101 recalls.
    assert metrics["stages/init"] == pytest.approx(51 / 101)
    assert metrics["segm/AP"] == metrics["stages/coarse"] == pytest.approx(1.0)


# Training


@pytest.mark.parametrize(
    ("second", "expected"), [((0.6, "refine1"), "refine1"), ((0.4, "refine1"), "coarse")]
)
@pytest.mark.usefixtures("fresh_accelerator")
def test_weights_name_the_stage_that_won_where_they_were_best(
    second: tuple[float, str], expected: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    evaluations = iter([(0.5, "coarse"), second])

    def validate(*_: object, **__: object) -> dict[str, Any]:
        value, stage = next(evaluations)
        return {"segm/AP": value, "stage": stage}

    monkeypatch.setattr(trainer_module, "validate", validate)
    train(tiny(tmp_path, eval_every=1))
    _, card = load_weights(tmp_path / "synthetic/weights.safetensors")
    assert card.stage == expected
    _, card = load_weights(tmp_path / "synthetic/last/weights.safetensors")
    assert card.stage == second[1], "the last weights: the one that won at the end"


@pytest.mark.usefixtures("fresh_accelerator")
@pytest.mark.parametrize("stage", [None, "coarse"])
def test_a_run_records_every_stage(stage: Stage | None, tmp_path: Path) -> None:
    config = tiny(tmp_path, epochs=1)
    train(replace(config, eval=replace(config.eval, stage=stage)))
    _, card = load_weights(tmp_path / "synthetic/weights.safetensors")
    (entry,) = load_state(tmp_path / "synthetic/last/state.pt")["history"]
    assert card.stage == entry["metrics"]["stage"] == (stage or card.stage)
    latest = json.loads((tmp_path / "synthetic/metrics.json").read_text())["latest"]
    assert {f"stages/{name}" for name in NANO_STAGES} < set(latest)


# Front doors


@pytest.fixture
def weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A random network that calls the coarse contour its result."""
    monkeypatch.chdir(tmp_path)
    torch.manual_seed(0)
    network = build_network(num_classes=3, architecture=NANO, vertices=16)
    save_weights(tmp_path / "w.safetensors", network, replace(CARD, stage="coarse"))
    return tmp_path / "w.safetensors"


@pytest.mark.parametrize("stage", [None, "refine1"])
def test_evaluation_takes_the_weights_stage_unless_told(stage: str | None, weights: Path) -> None:
    ending = call("test.py", *TINY, "--weights", weights, *(["--stage", stage] if stage else []))
    assert ending.status == 0, ending
    out, expected = Path(f"runs/synthetic/val-{stage or 'coarse'}"), stage or "coarse"
    summary = json.loads((out / "metrics.json").read_text())
    assert summary["stage"] == expected
    assert json.loads((out / "config.json").read_text())["eval"]["stage"] == expected
    assert summary["metrics"]["segm/AP"] == summary["metrics"][f"stages/{expected}"]
    lines = ending.out.splitlines()
    table = lines[next(i for i, line in enumerate(lines) if line.startswith("stage")) + 1 :][:4]
    assert [line.split()[0] for line in table] == list(NANO_STAGES)
    assert [line.split()[0] for line in table if "*" in line] == [expected]


def test_evaluation_may_go_no_further_than_the_stage_asked_for(
    weights: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    arguments = (*TINY, "--weights", weights, "--stage", "init", "--out")
    assert call("test.py", *arguments, "all").status == 0

    def never(*_: object) -> None:
        raise AssertionError("a stage after the last one asked for was computed")

    monkeypatch.setattr(GlobalDeformation, "forward", never)
    ending = call("test.py", *arguments, "init", "--eval.no-all-stages")
    assert ending.status == 0, ending
    everything, alone = (
        json.loads(Path(out, "metrics.json").read_text())["metrics"] for out in ("all", "init")
    )
    assert [key for key in alone if key.startswith("stages/")] == ["stages/init"]
    assert alone == {key: everything[key] for key in alone}
    assert Path("all/results.json").read_bytes() == Path("init/results.json").read_bytes()


def test_a_stage_that_is_not_there_is_refused_before_the_work(weights: Path) -> None:
    picture = write_picture(weights.parent / "a.png")
    for arguments in (
        ("train.py", *TINY, "--eval.stage", "refine3"),
        ("test.py", *TINY, "--weights", weights, "--stage", "refine3"),
        ("demo.py", "--weights", weights, "--source", picture, "--stage", "refine3"),
    ):
        assert_one_line_error(call(*arguments), "refine3", "init, coarse, refine1, refine2")
    assert not Path("runs").exists()


def test_weights_that_name_a_stage_they_lack_are_refused(tmp_path: Path) -> None:
    network = build_network(num_classes=3, architecture=NANO, vertices=16)
    save_weights(tmp_path / "w.safetensors", network, replace(CARD, stage="refine3"))
    with pytest.raises(InputError, match=r"w\.safetensors: .*refine3.*refine2"):
        load_weights(tmp_path / "w.safetensors")


def test_a_fifth_refinement_may_be_the_stage_of_a_weights_file(tmp_path: Path) -> None:
    network = build_network(
        num_classes=3, architecture=replace(NANO, refinements=5), vertices=16
    ).eval()
    save_weights(tmp_path / "w.safetensors", network, replace(CARD, stage="refine5"))
    network, card = load_weights(tmp_path / "w.safetensors")
    assert card.stage == network.stage_names[-1] == "refine5"
    predictor = Predictor(network, card)
    assert predictor.predict(np.zeros((64, 64, 3), np.uint8)).source is None
