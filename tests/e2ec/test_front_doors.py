"""train.py, test.py and demo.py as a user meets them: results, exit status, one-line errors."""

from __future__ import annotations

import io
import json
import os
import pickle
import re
import resource
import runpy
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import jsonschema
import numpy as np
import pytest
import torch

ROOT = Path(__file__).parents[2]
SCHEMA = json.loads((ROOT / "docs/contours.schema.json").read_text())
TINY = [
    "synthetic", "--device", "cpu", "--data.synthetic-train", "4", "--data.synthetic-val", "2",
    "--data.workers", "0", "--data.augmentation.crop-size", "64", "64", "--train.epochs", "1",
    "--train.batch-size", "2", "--eval.iou-types", "segm", "--eval.max-detections", "5",
]  # fmt: skip


@dataclass(frozen=True)
class Ending:
    """How a front door ended."""

    status: int
    out: str
    err: str


def call(program: str, *arguments: object) -> Ending:
    """Run a front door in this process, as `python PROGRAM ARGUMENTS`."""
    with pytest.MonkeyPatch.context() as patch:
        out, err = io.StringIO(), io.StringIO()
        patch.setattr(sys, "argv", [program, *map(str, arguments)])
        patch.setattr(sys, "stdout", out)
        patch.setattr(sys, "stderr", err)
        with pytest.raises(SystemExit) as ended:
            runpy.run_path(str(ROOT / program), run_name="__main__")
        code = ended.value.code
    return Ending(code if isinstance(code, int) else 1, out.getvalue(), err.getvalue())


def assert_one_line_error(ending: Ending, *parts: object) -> None:
    """Status 1, no traceback, and, progress bars aside, one line that names `parts`."""
    assert ending.status == 1, ending
    assert "Traceback" not in ending.err and "Error" not in ending.out
    lines = [line for line in re.split(r"[\r\n]+", ending.err) if line.strip()]
    lines = [line for line in lines if not re.search(r"\d+%\|.*\|.*\[.*\]$|it/s\]|\[00:00", line)]
    assert len(lines) == 1 and lines[0].startswith("error: "), ending.err
    for part in parts:
        assert str(part) in lines[0], lines[0]


def assert_usage_error(ending: Ending, *parts: str) -> None:
    assert ending.status == 2, ending
    assert "Traceback" not in ending.err
    shown = re.sub(r"[\s│]+", " ", ending.err + ending.out)
    for part in parts:
        assert part in shown, shown


def coco_folder(folder: Path, *, classes: int = 1, images: int = 2, **changes: Any) -> Path:
    """A tiny data set for the `nuclei` preset: squares on noise.

    `changes` replace keys of the last annotation of both files.
    """
    rng = np.random.default_rng(0)
    (folder / "images").mkdir(parents=True)
    document: dict[str, Any] = {
        "images": [], "annotations": [],
        "categories": [{"id": k, "name": f"class {k}"} for k in range(1, classes + 1)],
    }  # fmt: skip
    for number in range(1, images + 1):
        name = f"{number}.jpg"
        picture = rng.integers(0, 256, (64, 64, 3), dtype=np.uint8)
        assert cv2.imwrite(str(folder / "images" / name), picture)
        document["images"].append({"id": number, "file_name": name, "width": 64, "height": 64})
        document["annotations"].append(
            {
                "id": number, "image_id": number, "category_id": 1, "iscrowd": 0, "area": 900.0,
                "bbox": [10.0, 10.0, 30.0, 30.0],
                "segmentation": [[10.0, 10.0, 40.0, 10.0, 40.0, 40.0, 10.0, 40.0]],
            }
        )  # fmt: skip
    document["annotations"][-1].update(changes)
    for split in ("train", "val"):
        (folder / f"instances_{split}.json").write_text(json.dumps(document))
    return folder


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a tiny training run on generated shapes."""
    out = tmp_path_factory.mktemp("runs")
    ending = call("train.py", *TINY, "--out", out)
    assert ending.status == 0, ending
    return out / "synthetic"


@pytest.fixture(scope="module")
def weights(run: Path) -> Path:
    return run / "weights.safetensors"


@pytest.fixture(scope="module")
def nuclei_weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Weights of one class, for `coco_folder`."""
    from e2ec.engine.checkpoint import save_weights
    from e2ec.engine.model_card import ModelCard
    from network.architecture import NANO
    from network.e2ec import build_network

    path = tmp_path_factory.mktemp("weights") / "one.safetensors"
    network = build_network(num_classes=1, architecture=NANO, vertices=16)
    save_weights(path, network, ModelCard("nano", ("class 1",), (1,)))
    return path


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing may depend on the folder that a program is started from."""
    monkeypatch.chdir(tmp_path)


# A whole round


def test_training_leaves_a_run(run: Path) -> None:
    names = {path.name for path in run.iterdir()}
    assert {"config.json", "weights.safetensors", "last", "metrics.json"} <= names
    assert json.loads((run / "config.json").read_text())["train"]["epochs"] == 1
    assert "segm/AP" in json.loads((run / "metrics.json").read_text())["latest"]


def test_a_finished_run_is_not_overwritten(run: Path) -> None:
    assert_one_line_error(call("train.py", *TINY, "--out", run.parent), run, "--resume")


def test_a_finished_run_resumes_to_its_end(run: Path) -> None:
    before = (run / "weights.safetensors").read_bytes()
    assert call("train.py", *TINY, "--out", run.parent, "--resume").status == 0
    assert (run / "weights.safetensors").read_bytes() == before


@pytest.mark.parametrize("stage", ["init", "coarse", "final", "final-dml"])
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
    ending = call("test.py", *TINY, "--weights", run / "weights.safetensors")
    assert ending.status == 0 and Path("runs/synthetic/test-final-dml/results.json").is_file()


def write_picture(path: Path, height: int = 48, width: int = 80) -> Path:
    rng = np.random.default_rng(height)
    assert cv2.imwrite(str(path), rng.integers(0, 256, (height, width, 3), dtype=np.uint8))
    return path


def check_document(document: Any) -> None:
    jsonschema.validate(document, SCHEMA)


def test_the_demo_on_an_image(weights: Path, tmp_path: Path) -> None:
    picture = write_picture(tmp_path / "a.png")
    ending = call(
        "demo.py", "--weights", weights, "--source", picture, "--out", "o", "--score", "0.05"
    )
    assert ending.status == 0, ending
    document = json.loads(Path("o/contours.json").read_text())
    check_document(document)
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
    check_document(document)
    assert [image["source"] for image in document["images"]] == ["a.jpg", "a.png", "b.png"]
    heights = {cv2.imread(str(path)).shape[0] for path in Path("o").glob("*_overlay.png")}
    assert heights == {32, 48, 64}


def test_the_demo_on_a_video(weights: Path, tmp_path: Path) -> None:
    path = tmp_path / "film.mp4"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), 10.0, (96, 64))
    rng = np.random.default_rng(0)
    for _ in range(4):
        writer.write(rng.integers(0, 256, (64, 96, 3), dtype=np.uint8))
    writer.release()
    ending = call(
        "demo.py", "--weights", weights, "--source", path, "--out", "o", "--limit", 3,
        "--score", "0.05", "--stage", "coarse",
    )  # fmt: skip
    assert ending.status == 0, ending
    lines = [json.loads(line) for line in Path("o/contours.jsonl").read_text().splitlines()]
    for line in lines:
        check_document(line)
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
    assert Path("runs/nuclei/test-final-dml/metrics.json").is_file()


# Help and usage errors


@pytest.mark.parametrize(
    "arguments",
    [("train.py", "--help"), ("train.py", "synthetic", "--help"), ("test.py", "--help"),
     ("demo.py", "--help")],
)  # fmt: skip
def test_help(arguments: tuple[str, ...]) -> None:
    ending = call(*arguments)
    assert ending.status == 0 and "usage" in ending.out.lower()


@pytest.mark.parametrize(
    ("arguments", "parts"),
    [
        (("train.py",), ("PRESET", "synthetic")),
        (("train.py", "sinthetic"), ("'sinthetic'", "did you mean 'synthetic'")),
        (("test.py", "nuclie", "--weights", "x"), ("did you mean 'nuclei'",)),
        (("train.py", "synthetic", "--optim.lrr", "1"), ("--optim.lrr", "--optim.lr ")),
        (("train.py", "synthetic", "--trian.epochs", "1"), ("--trian.epochs", "--train.epochs")),
        (("test.py", "synthetic", "--weigths", "x"), ("--weigths", "--weights")),
        (("demo.py", "--sorce", "x"), ("--sorce", "--source")),
        (("train.py", "synthetic", "--train.epochs", "many"), ("many", "train.epochs")),
        (("train.py", "synthetic", "--train.epochs", "1.5"), ("1.5", "train.epochs")),
        (("train.py", "synthetic", "--model.architecture", "vgg"), ("vgg", "nano")),
        (("train.py", "synthetic", "--train.epochs", "-1"), ("train.epochs must be positive",)),
        (("train.py", "synthetic", "--optim.lr", "nan"), ("optim.lr must be positive",)),
        (("train.py", "synthetic", "--optim.factor", "inf"), ("optim.factor must be finite",)),
        (("train.py", "synthetic", "--train.seed", "-1"), ("train.seed must not be negative",)),
        (("train.py", "synthetic", "--train.sync-batchnorm", "False"), ("False",)),
        (("train.py", "synthetic", "--data.view.mode", "sideways"), ("sideways",)),
        (("train.py", "synthetic", "--data.augmentation.crop-size", "65", "64"), ("crop_size",)),
        (("train.py", "synthetic", "--name", "../x"), ("name must be a plain folder name",)),
        (("test.py", "synthetic", "--stage", "last"), ("last", "init")),
        (("test.py", "synthetic", "--weights"), ("--weights",)),
        (("demo.py", "--score", "2"), ("score must lie in [0, 1]",)),
        (("demo.py", "--limit", "0"), ("limit must be positive",)),
        (("demo.py", "--stage", "last"), ("last", "init")),
        (("demo.py", "--preset", "cocoo"), ("did you mean 'coco'",)),
        (("demo.py", "extra"), ("extra",)),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else str(value),
)
def test_usage_errors(arguments: tuple[str, ...], parts: tuple[str, ...]) -> None:
    assert_usage_error(call(*arguments), *parts)
    assert not list(Path.cwd().iterdir())


# Bad input


def bad_nuclei(program: str, root: Path, weights: Path, *more: object) -> Ending:
    """train.py or test.py on a folder of `coco_folder`."""
    arguments = [
        "nuclei", "--data.root", root, "--device", "cpu", "--data.workers", "0",
        "--train.batch-size", "2", "--data.augmentation.crop-size", "64", "64", *more,
    ]  # fmt: skip
    if program == "test.py":
        arguments += ["--weights", weights, "--out", "o"]
    return call(program, *arguments)


both = pytest.mark.parametrize("program", ["train.py", "test.py"])


@both
def test_a_missing_image(program: str, nuclei_weights: Path, tmp_path: Path) -> None:
    root = coco_folder(tmp_path / "data")
    (root / "images/2.jpg").unlink()
    assert_one_line_error(bad_nuclei(program, root, nuclei_weights), root / "images/2.jpg")


@both
def test_a_truncated_jpeg(program: str, nuclei_weights: Path, tmp_path: Path) -> None:
    root = coco_folder(tmp_path / "data")
    path = root / "images/2.jpg"
    path.write_bytes(path.read_bytes()[:-800])
    assert_one_line_error(bad_nuclei(program, root, nuclei_weights), path, "cut short")


@pytest.mark.parametrize("workers", [1])
def test_a_truncated_jpeg_met_by_a_worker(workers: int, tmp_path: Path) -> None:
    root = coco_folder(tmp_path / "data")
    path = root / "images/2.jpg"
    path.write_bytes(path.read_bytes()[:-800])
    ending = bad_nuclei("train.py", root, path, "--data.workers", workers)
    assert_one_line_error(ending, path)


@both
@pytest.mark.parametrize(
    ("changes", "parts"),
    [
        ({"image_id": 77}, ("annotation 2", "77", "images")),
        ({"category_id": 5}, ("annotation 2", "category 5")),
        ({"segmentation": [[float("nan"), 1.0, 9.0, 1.0, 9.0, 9.0]]}, ("annotation 2", "NaN")),
        ({"segmentation": [[float("inf"), 1.0, 9.0, 1.0, 9.0, 9.0]]}, ("annotation 2", "infinity")),
        ({"bbox": [0.0, 0.0, float("-inf"), 1.0]}, ("annotation 2", "bbox")),
        ({"segmentation": [[1, 2, 3]]}, ("annotation 2", "odd")),
        ({"segmentation": "text"}, ("annotation 2", "segmentation")),
    ],
    ids=["image", "category", "nan", "inf", "bbox", "odd", "text"],
)
def test_a_bad_annotation(
    program: str, changes: dict[str, Any], parts: tuple[str, ...],
    nuclei_weights: Path, tmp_path: Path,
) -> None:  # fmt: skip
    root = coco_folder(tmp_path / "data", **changes)
    ending = bad_nuclei(program, root, nuclei_weights)
    split = "train" if program == "train.py" else "val"
    assert_one_line_error(ending, root / f"instances_{split}.json", *parts)


@both
@pytest.mark.parametrize("text", ["", "{", "[1, 2]", '{"images": 3}', "\ufeff{}", "\n\nnothing\n"])
def test_a_file_that_is_not_coco(
    program: str, text: str, nuclei_weights: Path, tmp_path: Path
) -> None:
    root = coco_folder(tmp_path / "data")
    for split in ("train", "val"):
        (root / f"instances_{split}.json").write_text(text)
    assert_one_line_error(bad_nuclei(program, root, nuclei_weights), root / "instances_")


@both
def test_a_missing_annotation_file(program: str, nuclei_weights: Path, tmp_path: Path) -> None:
    root = coco_folder(tmp_path / "data")
    for split in ("train", "val"):
        (root / f"instances_{split}.json").unlink()
    assert_one_line_error(bad_nuclei(program, root, nuclei_weights), root / "instances_")


@both
def test_a_missing_data_root(program: str, nuclei_weights: Path, tmp_path: Path) -> None:
    ending = bad_nuclei(program, tmp_path / "nowhere", nuclei_weights)
    assert_one_line_error(ending, tmp_path / "nowhere")


def test_categories_that_differ(tmp_path: Path) -> None:
    root = coco_folder(tmp_path / "data")
    other = coco_folder(tmp_path / "other", classes=2)
    (root / "instances_val.json").write_text((other / "instances_val.json").read_text())
    ending = bad_nuclei("train.py", root, tmp_path)
    assert_one_line_error(ending, "instances_val.json", "categories")


def test_too_few_images_for_a_batch(tmp_path: Path) -> None:
    root = coco_folder(tmp_path / "data", images=1)
    assert_one_line_error(bad_nuclei("train.py", root, tmp_path), "1 images", "lower")


def test_weights_of_another_class_count(weights: Path, tmp_path: Path) -> None:
    root = coco_folder(tmp_path / "data")
    assert_one_line_error(bad_nuclei("test.py", root, weights), weights, "3 classes")


class WritesFile:
    """Unpickled, it creates a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[str, int]]:
        return os.open, (str(self.path), os.O_CREAT | os.O_WRONLY)


def text_file(path: Path, victim: Path) -> None:
    path.write_text("these are no weights")


def pickled_code(path: Path, victim: Path) -> None:
    path.write_bytes(pickle.dumps({"net": WritesFile(victim)}))


def torch_file_with_code(path: Path, victim: Path) -> None:
    torch.save({"net": {"a": torch.zeros(3)}, "extra": WritesFile(victim)}, path)


def nothing(path: Path, victim: Path) -> None:
    """The file is missing."""


@pytest.mark.parametrize("make", [text_file, pickled_code, torch_file_with_code, nothing])
@pytest.mark.parametrize("suffix", [".pth", ".pt", ".safetensors"])
@pytest.mark.parametrize("program", ["train.py", "test.py", "demo.py"])
def test_weights_that_are_none(
    program: str, suffix: str, make: Callable[[Path, Path], None], tmp_path: Path
) -> None:
    """Whatever code they hold does not run."""
    path, victim = tmp_path / f"weights{suffix}", tmp_path / "victim"
    make(path, victim)
    if program == "train.py":
        ending = call(program, *TINY, "--model.weights", path)
    elif program == "test.py":
        ending = call(program, *TINY, "--weights", path)
    else:
        picture = write_picture(tmp_path / "a.png")
        ending = call(
            program, "--source", picture, "--weights", path, "--preset", "coco", "--device", "cpu"
        )
    assert_one_line_error(ending, path)
    assert not victim.exists()


def test_a_state_with_code_is_not_resumed_from(tmp_path: Path) -> None:
    path, victim = tmp_path / "runs/synthetic/last/state.pt", tmp_path / "victim"
    path.parent.mkdir(parents=True)
    torch_file_with_code(path, victim)
    assert_one_line_error(call("train.py", *TINY, "--resume"), path.relative_to(tmp_path))
    assert not victim.exists()


def test_resuming_without_a_run() -> None:
    assert_one_line_error(call("train.py", *TINY, "--resume"), "runs/synthetic/last/state.pt")


def test_resuming_with_other_settings(run: Path) -> None:
    ending = call("train.py", *TINY, "--out", run.parent, "--resume", "--data.targets.vertices", 32)
    assert_one_line_error(ending, run / "last/state.pt", "config.json")


@pytest.mark.parametrize("program", ["train.py", "test.py", "demo.py"])
def test_an_output_folder_that_cannot_be_made(program: str, weights: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("a file, not a folder")
    out = tmp_path / "file/sub"
    if program == "demo.py":
        picture = write_picture(tmp_path / "a.png")
        ending = call(program, "--source", picture, "--weights", weights, "--out", out)
    else:
        more = ["--weights", weights] if program == "test.py" else []
        ending = call(program, *TINY, *more, "--out", out)
    assert_one_line_error(ending, out)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")
@pytest.mark.parametrize("program", ["train.py", "test.py", "demo.py"])
def test_a_device_that_is_not_there(program: str, weights: Path, tmp_path: Path) -> None:
    if program == "demo.py":
        picture = write_picture(tmp_path / "a.png")
        ending = call(program, "--source", picture, "--weights", weights, "--device", "cuda")
    else:
        more = ["--weights", weights] if program == "test.py" else []
        ending = call(program, *TINY, *more, "--device", "cuda")
    assert_one_line_error(ending, "cuda", "not available")


@pytest.mark.parametrize(
    ("make", "name"),
    [
        (lambda path: None, "none.png"),
        (lambda path: path.write_text("text"), "text.png"),
        (lambda path: path.write_text("text"), "text.mp4"),
        (lambda path: path.write_text("text"), "text.txt"),
        (lambda path: path.write_bytes(b""), "empty.jpg"),
        (lambda path: path.mkdir(), "folder"),
    ],
    ids=["missing", "text.png", "text.mp4", "text.txt", "empty", "folder"],
)
def test_a_source_that_is_none(
    make: Callable[[Path], object], name: str, weights: Path, tmp_path: Path
) -> None:
    make(tmp_path / name)
    ending = call("demo.py", "--weights", weights, "--source", tmp_path / name, "--out", "o")
    assert_one_line_error(ending, name)


def test_what_was_found_before_a_broken_image_is_kept(weights: Path, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    write_picture(tmp_path / "in/a.png")
    (tmp_path / "in/b.png").write_text("text")
    ending = call("demo.py", "--weights", weights, "--source", "in", "--out", "o")
    assert_one_line_error(ending, "in/b.png")
    document = json.loads(Path("o/contours.json").read_text())
    assert [image["source"] for image in document["images"]] == ["a.png"]


def test_a_disk_that_fills_up_during_a_video(weights: Path, tmp_path: Path) -> None:
    path = tmp_path / "film.mp4"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), 10.0, (64, 64))
    writer.write(np.zeros((64, 64, 3), np.uint8))
    writer.release()
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    arguments = ["--weights", weights, "--source", path, "--out", "o", "--score", "0"]
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, before[1]))
    try:
        ending = call("demo.py", *arguments)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert_one_line_error(ending, "o/contours.jsonl", "cannot be written")


def test_a_line_break_in_a_file_name_makes_no_second_line(tmp_path: Path) -> None:
    ending = call("demo.py", "--source", tmp_path / "a\nb.png", "--device", "cpu")
    assert_one_line_error(ending, "a b.png")
