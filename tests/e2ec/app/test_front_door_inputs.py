"""Bad input to train.py, test.py and demo.py: status 1 and one line that says what is wrong."""

from __future__ import annotations

import json
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from front_doors import (
    TINY,
    Ending,
    assert_one_line_error,
    call,
    coco_folder,
    write_picture,
    write_video,
)
from harmful_files import WritesFile, full_disk

pytestmark = pytest.mark.usefixtures("elsewhere")


@pytest.fixture(scope="module")
def nuclei_weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Weights of one class, for `coco_folder`."""
    from e2ec.engine.weights.checkpoint import save_weights
    from e2ec.families.contour.card import ContourCard
    from network.contour.architecture import NANO
    from network.contour.e2ec import build_network

    path = tmp_path_factory.mktemp("weights") / "one.safetensors"
    network = build_network(num_classes=1, architecture=NANO, vertices=16)
    save_weights(path, network, ContourCard("nano", ("class 1",), (1,)))
    return path


def bad_nuclei(program: str, root: Path, weights: Path, *more: object) -> Ending:
    """train.py or test.py on a folder of `coco_folder`."""
    arguments = [
        "nuclei", "--data.root", root, "--device", "cpu", "--data.workers", "0",
        "--train.batch-size", "2", "--data.augmentation.crop-size", "64", "64", *more,
    ]  # fmt: skip
    if program == "test.py":
        arguments += ["--weights", weights, "--out", "o"]
    return call(program, *arguments)


def use(program: str, weights: Path, folder: Path, *more: object) -> Ending:
    """Call a front door with weights, on small data."""
    if program == "demo.py":
        picture = write_picture(folder / "a.png")
        return call(program, "--source", picture, "--weights", weights, *more)
    return call(program, *TINY, *(["--weights", weights] if program == "test.py" else []), *more)


both = pytest.mark.parametrize("program", ["train.py", "test.py"])
front_doors = pytest.mark.parametrize("program", ["train.py", "test.py", "demo.py"])


def cut_short(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-800])


@both
@pytest.mark.parametrize(
    ("damage", "names", "said"),
    [
        (Path.unlink, ["images/2.jpg"], ("images/2.jpg",)),
        (cut_short, ["images/2.jpg"], ("images/2.jpg", "cut short")),
        (Path.unlink, ["instances_train.json", "instances_val.json"], ("instances_",)),
    ],
    ids=["no image", "cut short", "no labels"],
)
def test_a_damaged_file(
    program: str,
    damage: Callable[[Path], None],
    names: list[str],
    said: tuple[str, ...],
    nuclei_weights: Path,
    tmp_path: Path,
) -> None:
    root = coco_folder(tmp_path / "data")
    for name in names:
        damage(root / name)
    ending = bad_nuclei(program, root, nuclei_weights)
    assert_one_line_error(ending, root, *said)


def test_a_truncated_jpeg_met_by_a_worker(tmp_path: Path) -> None:
    root = coco_folder(tmp_path / "data")
    cut_short(root / "images/2.jpg")
    ending = bad_nuclei("train.py", root, tmp_path, "--data.workers", 1)
    assert_one_line_error(ending, root / "images/2.jpg")


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
@front_doors
def test_weights_that_are_none(
    program: str, suffix: str, make: Callable[[Path, Path], None], tmp_path: Path
) -> None:
    """Whatever code they hold does not run."""
    path, victim = tmp_path / f"weights{suffix}", tmp_path / "victim"
    make(path, victim)
    more: dict[str, list[object]] = {
        "train.py": ["--model.weights", path],
        "demo.py": ["--preset", "coco", "--device", "cpu"],
    }
    assert_one_line_error(use(program, path, tmp_path, *more.get(program, [])), path)
    assert not victim.exists()


def test_a_state_with_code_is_not_resumed_from(tmp_path: Path) -> None:
    path, victim = tmp_path / "runs/synthetic/last/state.pt", tmp_path / "victim"
    path.parent.mkdir(parents=True)
    torch_file_with_code(path, victim)
    assert_one_line_error(call("train.py", *TINY, "--resume"), path.relative_to(tmp_path))
    assert not victim.exists()


def test_resuming_with_other_settings(run: Path) -> None:
    other = ["--data.targets.vertices", 32, "--train.seed", 5]
    ending = call("train.py", *TINY, "--out", run.parent, "--resume", *other)
    settings = "data.targets.vertices, train.seed"
    assert_one_line_error(ending, run / "last/state.pt", settings, "not 32")


@front_doors
def test_an_output_folder_that_cannot_be_made(program: str, weights: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("a file, not a folder")
    out = tmp_path / "file/sub"
    assert_one_line_error(use(program, weights, tmp_path, "--out", out), out)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")
@front_doors
def test_a_device_that_is_not_there(program: str, weights: Path, tmp_path: Path) -> None:
    ending = use(program, weights, tmp_path, "--device", "cuda")
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


@pytest.mark.parametrize("out", ["in", "in/../in", "link"])
def test_overlays_do_not_go_among_the_images(out: str, weights: Path, tmp_path: Path) -> None:
    """A second run would take them for images."""
    (tmp_path / "in").mkdir()
    (tmp_path / "link").symlink_to("in")
    write_picture(tmp_path / "in/a.png")
    ending = call("demo.py", "--weights", weights, "--source", "in", "--out", out)
    assert_one_line_error(ending, out, "--out")
    assert [path.name for path in (tmp_path / "in").iterdir()] == ["a.png"]


def test_what_was_found_before_a_broken_image_is_kept(weights: Path, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    write_picture(tmp_path / "in/a.png")
    (tmp_path / "in/b.png").write_text("text")
    ending = call("demo.py", "--weights", weights, "--source", "in", "--out", "o")
    assert_one_line_error(ending, "in/b.png")
    document = json.loads(Path("o/contours.json").read_text())
    assert [image["source"] for image in document["images"]] == ["a.png"]


def test_a_disk_that_fills_up_during_a_video(weights: Path, tmp_path: Path) -> None:
    path = write_video(tmp_path / "film.mp4")
    arguments = ["--weights", weights, "--source", path, "--out", "o", "--score", "0"]
    with full_disk(100):
        ending = call("demo.py", *arguments)
    assert_one_line_error(ending, "o/contours.jsonl", "cannot be written")


def test_a_published_file_without_its_preset(tmp_path: Path) -> None:
    (tmp_path / "model.pth").write_bytes(b"")
    picture = write_picture(tmp_path / "a.png")
    ending = call("demo.py", "--weights", "model.pth", "--source", picture)
    assert_one_line_error(ending, "model.pth", "--preset coco")


def test_a_line_break_in_a_file_name_makes_no_second_line(tmp_path: Path) -> None:
    ending = call("demo.py", "--source", tmp_path / "a\nb.png", "--device", "cpu")
    assert_one_line_error(ending, "a b.png")
