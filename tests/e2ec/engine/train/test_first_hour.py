"""What a user meets in the first hour: check, train, test, demo, with nothing tuned by hand."""

from __future__ import annotations

import json
import re
from pathlib import Path

import cv2
import pytest
from front_doors import Ending, call
from own_data import coco_file

from e2ec.engine.weights.checkpoint import load_weights

pytestmark = pytest.mark.usefixtures("elsewhere")

# Everything but the length of the run and the device is left to be chosen.
SHORT = ("--model.architecture", "nano", "--device", "cpu", "--data.workers", 0)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Ending]:
    """The folder of a run of two epochs on ten small images without a split, and what it said."""
    folder = tmp_path_factory.mktemp("first hour")
    data = coco_file(folder / "data", images=10)
    ending = call(
        "train.py", "custom", "--data.root", data, *SHORT, "--train.epochs", 2,
        "--out", folder / "runs", "--name", "mine",
    )  # fmt: skip
    assert ending.status == 0, ending
    return folder, ending


def test_training_says_what_it_chose_and_what_it_reached(trained: tuple[Path, Ending]) -> None:
    folder, ending = trained
    lines = [line for line in re.split(r"[\r\n]+", ending.out) if line.strip()]
    starts = [line.split(":")[0].split(" ")[0] for line in lines]
    assert starts[:4] == ["data", "weights", "scale", "schedule"], lines
    assert "starts from bundled" in lines[1]
    assert "2 epochs of 8 images, 2 steps of 8" in lines[3]
    evaluations = [line for line in lines if re.match(r"epoch \d/2: segm/AP", line)]
    assert len(evaluations) == 2
    assert all(word in evaluations[-1] for word in ("init", "coarse", "refine1", "best so far"))
    weights = folder / "runs/mine/weights.safetensors"
    assert any(line.startswith("test it:") and str(weights) in line for line in lines)
    assert any(line.startswith("look at it:") and "demo.py" in line for line in lines)


def test_what_was_chosen_is_written_down(trained: tuple[Path, Ending]) -> None:
    """In the settings of the run and in the weights: a view, and nothing left open."""
    folder, _ = trained
    settings = json.loads((folder / "runs/mine/config.json").read_text())
    assert settings["auto"] == [] and settings["preset"] == "custom"
    _, card = load_weights(folder / "runs/mine/weights.safetensors")
    assert card.view.zoom == settings["data"]["view"]["zoom"] != 1
    assert str(folder) not in json.dumps(card.settings), "weights are passed on without folders"


def test_pictures_of_validation_images_beside_their_labels(trained: tuple[Path, Ending]) -> None:
    folder, _ = trained
    pictures = sorted(path.name for path in (folder / "runs/mine/pictures").iterdir())
    assert pictures == ["epoch-0001.jpg", "epoch-0002.jpg"]
    picture = cv2.imread(str(folder / "runs/mine/pictures" / pictures[-1]))
    # Two images of 64 x 64, each beside itself with a gap of 4, a gap of 4 between the rows.
    assert picture.shape == (64 + 4 + 64, 64 + 4 + 64, 3)


def test_the_test_shows_images_as_the_weights_say(trained: tuple[Path, Ending]) -> None:
    folder, _ = trained
    weights = folder / "runs/mine/weights.safetensors"
    arguments = ("custom", "--data.root", folder / "data/mine.json", "--weights", weights)
    own = ("--device", "cpu", "--eval.iou-types", "segm", "--out", folder / "val")
    assert call("test.py", *arguments, *own).status == 0
    view = load_weights(weights)[1].view
    said = json.loads((folder / "val/config.json").read_text())
    assert said["data"]["view"]["zoom"] == view.zoom
    metrics = json.loads((folder / "val/metrics.json").read_text())["metrics"]
    recorded = json.loads((folder / "runs/mine/metrics.json").read_text())["history"]
    best = max(entry["metrics"]["segm/AP"] for entry in recorded)
    assert metrics["segm/AP"] == pytest.approx(best, abs=1e-6), "the same images, shown alike"
    found = (folder / "val/results.json").read_text()
    other = ("--data.view.mode", "pad", "--data.view.zoom", 0.5)
    assert call("test.py", *arguments, *own, *other).status == 0
    assert (folder / "val/results.json").read_text() != found
    said = json.loads((folder / "val/config.json").read_text())
    assert said["data"]["view"]["zoom"] == 0.5


def test_a_finished_run_is_continued_with_more_epochs(trained: tuple[Path, Ending]) -> None:
    """What it chose stays; the schedule is not chosen anew for three epochs."""
    folder, _ = trained
    before = json.loads((folder / "runs/mine/config.json").read_text())
    ending = call(
        "train.py", "custom", "--data.root", folder / "data/mine.json", *SHORT,
        "--train.epochs", 3, "--out", folder / "runs", "--name", "mine", "--resume",
    )  # fmt: skip
    assert ending.status == 0, ending
    after = json.loads((folder / "runs/mine/config.json").read_text())
    assert after["train"]["epochs"] == 3 and after["optim"] == before["optim"]
    assert after["data"]["view"] == before["data"]["view"]


def test_check_prints_sizes_and_what_training_will_choose(tmp_path: Path) -> None:
    data = coco_file(tmp_path / "data")
    ending = call("e2ec/__main__.py", "check", data, "--model.architecture", "nano")
    assert ending.status == 0, ending
    assert "scale: images are shown at" in ending.out and "schedule: " in ending.out
    assert "side of an object as the network sees it" in ending.out
    sizes = json.loads(Path("runs/check/mine/sizes.json").read_text())
    assert 1 / 1.2 < sizes["ratio"] < 1.2


@pytest.mark.parametrize(("zoom", "problem"), [(1.1, False), (4, True), (0.25, True)])
def test_check_calls_scales_that_differ_a_problem(
    zoom: float, problem: bool, tmp_path: Path
) -> None:
    """Training at 1 (0.9 to 1.1), the test at another zoom."""
    data = coco_file(tmp_path / "data")
    given = (
        "--data.augmentation.scale-reference", "native",
        "--data.augmentation.scale-range", 0.9, 1.1,
        "--data.view.mode", "pad", "--data.view.zoom", zoom, "--examples", 0,
    )  # fmt: skip
    ending = call("e2ec/__main__.py", "check", data, *given)
    assert ending.status == 0, ending
    assert ("scales differ" in ending.out) is problem
    assert (f"{float(zoom):.2f} times as large" in ending.out) is True
