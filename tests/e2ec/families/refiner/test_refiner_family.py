"""A refiner goes through the commands: train, resume, test, card; a demonstration says no."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from front_doors import Ending, assert_one_line_error, assert_usage_error, call, coco_folder
from results_to_refine import write_case
from stopped_run import assert_same_weights, stop_after

import e2ec
from dataset.synthetic.dataset import SyntheticDataset
from e2ec.results.labelled import labelled_contours
from lib.errors import InputError

TINY = [
    "refiner", "--device", "cpu", "--data.format", "synthetic", "--data.synthetic-train", "8",
    "--data.synthetic-val", "2", "--data.workers", "0", "--data.augmentation.crop-size", "96", "96",
    "--data.view.zoom", "1", "--train.epochs", "3", "--train.batch-size", "4",
    "--train.eval-every", "3", "--model.weights", "None", "--optim.lr", "1e-3",
]  # fmt: skip


def train(out: Path, *options: object) -> Ending:
    return call("train.py", *TINY, "--out", out, *options)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("runs")
    ending = train(out)
    assert ending.status == 0, ending
    assert "e2ec refine --weights" in ending.out and "demo.py" not in ending.out
    return out / "refiner"


@pytest.fixture(scope="module")
def weights(run: Path) -> Path:
    return run / "weights.safetensors"


def test_it_trains_and_is_measured_before_and_after(run: Path) -> None:
    history = json.loads((run / "metrics.json").read_text())["history"]
    assert history[-1]["losses"]["sharp"] < history[0]["losses"]["sharp"]
    assert set(history[-1]["losses"]) == {"sharp", "total"}
    metrics = history[-1]["metrics"]
    assert metrics["stage"] == "sharp"
    assert metrics["segm/AP"] == metrics["stages/sharp"]
    assert 0.3 < metrics["stages/given"] < 0.8
    assert list((run / "pictures").glob("*.jpg"))


def test_sharp_decides_even_where_given_fits_better(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A network that spoils everything is measured by what it spoilt."""
    monkeypatch.setattr(e2ec.Predictor, "refine", lambda self, image, what: what[:0])
    assert train(tmp_path, "--train.epochs", "1").status == 0
    (entry,) = json.loads((tmp_path / "refiner/metrics.json").read_text())["history"]
    assert entry["metrics"]["stages/given"] > 0.3
    assert entry["metrics"]["segm/AP"] == entry["metrics"]["stages/sharp"] == 0


def test_it_resumes_to_the_same_bits(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        stop_after(3, patch)
        assert train(tmp_path).status == 130
    assert train(tmp_path, "--resume").status == 0
    assert_same_weights(run, tmp_path / "refiner")


def test_it_is_evaluated_on_labels_perturbed_in_the_same_way(weights: Path, tmp_path: Path) -> None:
    """test.py repeats the numbers of training."""
    ending = call(
        "test.py", *TINY[:9], "--weights", weights, "--out", tmp_path, "--data.view.zoom", "1"
    )
    assert ending.status == 0, ending
    assert "given" in ending.out and "sharp *" in ending.out
    history = json.loads((weights.parent / "metrics.json").read_text())["history"]
    metrics = json.loads((tmp_path / "metrics.json").read_text())["metrics"]
    for name in ("segm/AP", "stages/given", "stages/sharp"):
        assert metrics[name] == pytest.approx(history[-1]["metrics"][name], abs=1e-9), name
    results = json.loads((tmp_path / "results.json").read_text())
    labels = SyntheticDataset(2, seed=1).ground_truth()
    assert {result["category_id"] for result in results} <= {c["id"] for c in labels["categories"]}


def test_better_labels_are_given_where_the_settings_ask_for_them(
    weights: Path, tmp_path: Path
) -> None:
    given = []
    for name, bounds in (("coarse", ["0.5", "0.55"]), ("fine", ["0.95", "0.98"])):
        ending = call(
            "test.py", *TINY[:9], "--weights", weights, "--out", tmp_path / name,
            "--model.given-iou", *bounds,
        )  # fmt: skip
        assert ending.status == 0, ending
        metrics = json.loads((tmp_path / name / "metrics.json").read_text())["metrics"]
        given.append(metrics["stages/given"])
    assert given[0] < 0.2 and given[1] > 0.8


def test_weights_fit_data_of_other_classes(weights: Path, tmp_path: Path) -> None:
    """Trained on three classes, tested on five."""
    root = coco_folder(tmp_path / "data", classes=5)
    ending = call(
        "test.py", "refiner", "--data.root", root, "--weights", weights, "--out", tmp_path
    )
    assert ending.status == 0, ending


def test_the_predictor_refines_and_keeps_all_else(weights: Path) -> None:
    model = e2ec.load_model(weights, device="cpu")
    assert model.stages == ("given", "sharp")
    data = SyntheticDataset(1, seed=5)
    sample = data[0]
    labels = labelled_contours(sample, data)
    given = model.family.given(sample, model.card)
    assert len(given) == len(labels) and given.class_names == labels.class_names
    assert np.array_equal(given.labels, labels.labels)
    assert given.to_json() == model.family.given(sample, model.card).to_json()
    refined = model.refine(sample.image, given)
    assert len(refined) == len(given) and np.array_equal(refined.labels, given.labels)
    masks = model.refine(sample.image, labels.to_masks())
    assert masks.shape == labels.to_masks().shape


def test_a_results_file_is_refined(weights: Path, tmp_path: Path) -> None:
    """By the same command as with E2EC's weights, and as in Python."""
    case = write_case(tmp_path / "data")
    ending = call("e2ec/__main__.py", "refine", *case.arguments(weights=weights))
    assert ending.status == 0, ending
    assert f"{len(case.entries)} entries refined" in ending.out
    changed = 0
    for given, found in zip(case.entries, case.refined(), strict=True):
        assert given | {"segmentation": 0} == found | {"segmentation": 0}
        changed += given["segmentation"] != found["segmentation"]
    assert changed > 0


def test_it_finds_nothing_and_says_what_to_do(weights: Path, tmp_path: Path) -> None:
    ending = call("demo.py", "--weights", weights, "--out", tmp_path / "out")
    assert_one_line_error(ending, "refiner", "finds nothing", "python -m e2ec refine")
    assert not (tmp_path / "out").exists()
    model = e2ec.load_model(weights, device="cpu")
    with pytest.raises(InputError, match="finds nothing by itself"):
        model.predict(np.zeros((32, 32, 3), np.uint8))


def test_its_card_is_shown_and_changed(weights: Path, tmp_path: Path) -> None:
    ending = call("e2ec/__main__.py", "card", weights)
    assert ending.status == 0 and "given_iou" in ending.out and "evolution.step" in ending.out
    changed = tmp_path / "changed.safetensors"
    words = ("card", weights, "--set", "evolution.step=0.006", "--out", changed)
    assert call("e2ec/__main__.py", *words).status == 0
    assert e2ec.load_model(changed, device="cpu").card.evolution.step == 0.006  # type: ignore[attr-defined]
    for change in ("given_iou=0.9,0.1", "stage=coarse", "evolution.step=0"):
        ending = call("e2ec/__main__.py", "card", weights, "--set", change, "--out", changed)
        assert_one_line_error(ending, change)


def test_check_shows_its_labels(tmp_path: Path) -> None:
    root = coco_folder(tmp_path / "data")
    ending = call("e2ec/__main__.py", "check", "refiner", "--data.root", root, "--out", tmp_path)
    assert "schedule" in ending.out and "matching" not in ending.out
    assert list(tmp_path.glob("labels-*.png"))


@pytest.mark.parametrize(
    ("option", "message"),
    [
        (["--model.refinements", "2"], "a refiner has none"),
        (["--model.sharp.training", "off"], "always joint"),
        (["--model.given-iou", "0.9", "0.7"], "given_iou must rise"),
        (["--eval.stage", "coarse"], "stage must be one of given, sharp"),
    ],
)
def test_settings_that_mean_nothing_are_refused(option: list[str], message: str) -> None:
    assert_usage_error(call("train.py", "refiner", *option), message)


def test_the_result_is_what_becomes_of_the_outlines(tmp_path: Path) -> None:
    ending = train(tmp_path, "--eval.stage", "given")
    assert_one_line_error(ending, "eval.stage", "sharp")


def test_it_is_not_compiled(weights: Path, tmp_path: Path) -> None:
    ending = call("test.py", *TINY[:9], "--weights", weights, "--out", tmp_path, "--eval.compile")
    assert_one_line_error(ending, "refiner", "compiled")
