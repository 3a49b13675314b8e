"""train.py, test.py and demo.py as a user meets them: whole rounds and usage errors."""

from __future__ import annotations

import json
import re
import runpy
from pathlib import Path

import cv2
import jsonschema
import pytest
from front_doors import (
    ROOT,
    TINY,
    assert_usage_error,
    call,
    coco_folder,
    write_picture,
    write_video,
)

from e2ec.engine.weights.checkpoint import load_weights

SCHEMA = json.loads((ROOT / "docs/contours.schema.json").read_text())
pytestmark = pytest.mark.usefixtures("elsewhere")


# A whole round


def test_training_leaves_a_run(run: Path) -> None:
    names = {path.name for path in run.iterdir()}
    assert {"config.json", "weights.safetensors", "last", "metrics.json"} <= names
    assert any(name.startswith("events.") for name in names)
    card = load_weights(run / "weights.safetensors")[1]
    assert len(card.class_names) == 3 and card.settings["train"]["batch_size"] == 2
    assert json.loads((run / "config.json").read_text())["train"]["epochs"] == 1
    assert "segm/AP" in json.loads((run / "metrics.json").read_text())["latest"]


def test_a_finished_run_resumes_to_its_end(run: Path) -> None:
    before = (run / "weights.safetensors").read_bytes()
    assert call("train.py", *TINY, "--out", run.parent, "--resume").status == 0
    assert (run / "weights.safetensors").read_bytes() == before


@pytest.mark.parametrize("stage", ["init", "coarse", "refine1", "refine2", "final", "final-dml"])
def test_evaluating_every_stage(stage: str, weights: Path, tmp_path: Path) -> None:
    out = tmp_path / "results"
    ending = call("test.py", *TINY, "--weights", weights, "--stage", stage, "--out", out)
    assert ending.status == 0, ending
    assert re.search(r"AP\s+AP50\s+AP75", ending.out) and "segm" in ending.out
    summary = json.loads((out / "metrics.json").read_text())
    assert summary["stage"] == stage and summary["images"] == 2
    assert 0 <= summary["metrics"]["segm/AP"] <= 1
    for result in json.loads((out / "results.json").read_text()):
        assert set(result) >= {"image_id", "category_id", "segmentation", "score"}


def test_evaluation_finds_the_weights_of_the_run(run: Path) -> None:
    assert call("test.py", *TINY, "--out", run.parent / "x").status == 1  # no weights in ./runs
    ending = call("test.py", *TINY, "--out", "elsewhere", "--weights", run / "weights.safetensors")
    assert ending.status == 0 and Path("elsewhere/results.json").is_file()


def test_results_go_into_the_folder_of_the_run(run: Path, tmp_path: Path) -> None:
    """Beside the weights, where the settings of their run lie; else into that of the preset."""
    (tmp_path / "mine").mkdir()
    for name in ("weights.safetensors", "config.json"):
        (tmp_path / "mine" / name).write_bytes((run / name).read_bytes())
    weights = tmp_path / "mine/weights.safetensors"
    assert call("test.py", *TINY, "--weights", weights).status == 0
    # The folder is called by the stage that won in the run.
    name = f"val-{load_weights(weights)[1].stage}"
    assert Path(f"mine/{name}/results.json").is_file() and not Path("runs").exists()
    Path("mine/config.json").unlink()
    assert call("test.py", *TINY, "--weights", weights).status == 0
    assert Path(f"runs/synthetic/{name}/results.json").is_file()


def test_the_demo_on_an_image(weights: Path, tmp_path: Path) -> None:
    picture = write_picture(tmp_path / "a.png")
    ending = call(
        "demo.py", "--weights", weights, "--source", picture, "--out", "o", "--score", "0.05"
    )
    assert ending.status == 0, ending
    document = json.loads(Path("o/contours.json").read_text())
    jsonschema.validate(document, SCHEMA)
    (image,) = document["images"]
    assert (image["source"], image["width"], image["height"]) == ("a.png", 80, 48)
    assert len(image["instances"]) > 0
    assert f"{len(image['instances'])} instances in 1 image" in ending.out
    assert cv2.imread("o/a_overlay.png").shape == (48, 80, 3)


def test_the_demo_on_a_folder(weights: Path, tmp_path: Path) -> None:
    """Two files of one stem keep an overlay each; other files are passed over."""
    (tmp_path / "in").mkdir()
    (tmp_path / "in/notes.txt").write_text("no image")
    for name, height in (("a.png", 32), ("a.jpg", 48), ("b.png", 64)):
        write_picture(tmp_path / "in" / name, height)
    ending = call("demo.py", "--weights", weights, "--source", "in", "--out", "o")
    assert ending.status == 0, ending
    document = json.loads(Path("o/contours.json").read_text())
    jsonschema.validate(document, SCHEMA)
    assert [image["source"] for image in document["images"]] == ["a.jpg", "a.png", "b.png"]
    heights = {cv2.imread(str(path)).shape[0] for path in Path("o").glob("*_overlay.png")}
    assert heights == {32, 48, 64}


def test_the_demo_on_a_video(weights: Path, tmp_path: Path) -> None:
    path = write_video(tmp_path / "film.mp4", frames=4)
    ending = call(
        "demo.py", "--weights", weights, "--source", path, "--out", "o", "--limit", 3,
        "--score", "0.05", "--stage", "coarse",
    )  # fmt: skip
    assert ending.status == 0, ending
    lines = [json.loads(line) for line in Path("o/contours.jsonl").read_text().splitlines()]
    for line in lines:
        jsonschema.validate(line, SCHEMA)
    assert [line["frame"] for line in lines] == [0, 1, 2]
    assert [line["time_s"] for line in lines] == pytest.approx([0.0, 0.1, 0.2], abs=1e-3)
    assert lines[0]["images"][0]["width"] == 96
    capture = cv2.VideoCapture("o/overlay.mp4")
    frames = 0
    while (frame := capture.read()[1]) is not None:
        frames += 1
        assert frame.shape == (64, 96, 3)
    assert frames == 3


def test_a_small_coco_set_trains_and_is_evaluated(tmp_path: Path) -> None:
    root = coco_folder(tmp_path / "data")
    arguments = [
        "nuclei", "--data.root", root, "--device", "cpu", "--data.workers", "0",
        "--train.epochs", "1", "--train.batch-size", "2", "--eval.iou-types", "segm",
        "--data.augmentation.crop-size", "64", "64", "--eval.max-detections", "5",
    ]  # fmt: skip
    assert call("train.py", *arguments).status == 0
    ending = call("test.py", *arguments)
    assert ending.status == 0, ending
    stage = load_weights("runs/nuclei/weights.safetensors")[1].stage
    assert Path(f"runs/nuclei/val-{stage}/metrics.json").is_file()


# Usage errors


@pytest.mark.parametrize(
    ("change", "arguments", "expected"),
    [
        ("with_profile", "--profile coco", "coco --train.profile 3"),
        ("with_profile", "coco --profile", "coco --train.profile 3"),
        ("with_profile", "coco --profile 7 --name x", "coco --name x --train.profile 7"),
        ("with_profile", "--profile 7 coco", "coco --train.profile 7"),
        ("with_profile", "--profile=7 coco", "coco --train.profile 7"),
        ("with_profile", "coco --profile --name x", "coco --name x --train.profile 3"),
        ("with_profile", "coco --name x", "coco --name x"),
        ("with_resume", "coco --resume auto --name x", "coco --resume-or-start --name x"),
        ("with_resume", "coco --resume=auto", "coco --resume-or-start"),
        ("with_resume", "coco --resume", "coco --resume"),
        ("with_resume", "coco --resume --name auto", "coco --resume --name auto"),
        ("with_resume", "coco --no-resume", "coco --no-resume"),
    ],
)
def test_options_that_may_have_a_value(change: str, arguments: str, expected: str) -> None:
    """`--profile` takes the next word only if it is a number, `--resume` only if it is auto."""
    names = runpy.run_path(str(ROOT / "train.py"))
    assert names[change](arguments.split()) == expected.split()


@pytest.mark.parametrize(
    ("arguments", "parts"),
    [
        (("train.py", "--profile", "sinthetic"), ("did you mean 'synthetic'",)),
        (("train.py", "synthetic", "--profile=x"), ("x", "train.profile")),
        (("train.py",), ("PRESET", "synthetic")),
        (("test.py", "nuclie", "--weights", "x"), ("did you mean 'nuclei'",)),
        (("train.py", "synthetic", "--optim.lrr", "1"), ("--optim.lrr", "--optim.lr ")),
        (("train.py", "synthetic", "--trian.epochs", "1"), ("--trian.epochs", "--train.epochs")),
        (("test.py", "synthetic", "--weigths", "x"), ("--weigths", "--weights")),
        (("demo.py", "--sorce", "x"), ("--sorce", "--source")),
        (("train.py", "synthetic", "--train.epochs", "many"), ("many", "train.epochs")),
        (("train.py", "synthetic", "--train.epochs", "1.5"), ("1.5", "train.epochs")),
        (("train.py", "synthetic", "--model.architecture", "vgg"), ("vgg", "nano")),
        (("train.py", "synthetic", "--train.epochs", "-1"), ("parsing train: train.epochs must",)),
        (("train.py", "synthetic", "--optim.lr", "nan"), ("optim.lr must be positive",)),
        (("train.py", "synthetic", "--optim.factor", "inf"), ("optim.factor must be finite",)),
        (("train.py", "synthetic", "--train.seed", "-1"), ("train.seed must not be negative",)),
        (("train.py", "synthetic", "--train.sync-batchnorm", "False"), ("False",)),
        (("train.py", "synthetic", "--data.augmentation.crop-size", "65", "64"), ("crop_size",)),
        (("train.py", "synthetic", "--name", "../x"), ("name must be a plain folder name",)),
        (("test.py", "synthetic", "--weights"), ("--weights",)),
        (("demo.py", "--score", "2"), ("score must lie in [0, 1]",)),
        (("demo.py", "--source", ""), ("source is empty",)),
        (("demo.py", "--view", "letterbix"), ("did you mean 'letterbox'",)),
        (("demo.py", "--zoom", "0"), ("zoom must be positive",)),
        (("demo.py", "--zoom", "nan"), ("zoom must be positive",)),
        (("demo.py", "--view-size", "0", "64"), ("view-size must be positive",)),
        (("demo.py", "--limit", "0"), ("limit must be positive",)),
        (("demo.py", "--preset", "cocoo"), ("did you mean 'coco'",)),
        (("demo.py", "extra"), ("extra",)),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else str(value),
)
def test_usage_errors(arguments: tuple[str, ...], parts: tuple[str, ...]) -> None:
    assert_usage_error(call(*arguments), *parts)
    assert not list(Path.cwd().iterdir())
