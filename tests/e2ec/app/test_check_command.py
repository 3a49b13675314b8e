"""`python -m e2ec check`: what it prints and writes, and how it ends."""

from __future__ import annotations

import csv
import json
import os
import signal
import threading
from pathlib import Path

import cv2
import kins_tree
import numpy as np
import pytest
from damaged_data import clean_folder, damaged_folder
from front_doors import Ending, assert_one_line_error, assert_usage_error, call
from label_scenes import write_scene
from own_data import coco_file

from dataset.formats.kins import read_kins
from dataset.index.summary import summarise
from lib.images import read_image

pytestmark = pytest.mark.usefixtures("elsewhere")

SMALL = ["--data.augmentation.crop-size", "64", "64", "--train.batch-size", "2"]


def check(*arguments: object) -> Ending:
    return call("e2ec/__main__.py", "check", *arguments)


@pytest.fixture
def clean(tmp_path: Path) -> Path:
    return clean_folder(tmp_path / "clean")


@pytest.fixture
def damaged(tmp_path: Path) -> Path:
    return damaged_folder(tmp_path / "damaged")


def test_clean_data_of_a_preset(clean: Path) -> None:
    ending = check("nuclei", "--data.root", clean, *SMALL)
    assert ending.status == 0, ending
    last = ending.out.strip().splitlines()[-1]
    assert last == "Nothing would stop training: no problems found."
    out = Path("runs/check/nuclei")
    assert json.loads((out / "problems.json").read_text())["problems"] == []
    assert json.loads((out / "summary.json").read_text())["val"]["objects"] == 8
    for split in ("train", "val"):
        assert str(out / f"labels-{split}.png") in ending.out
        assert cv2.imread(str(out / f"labels-{split}.png")) is not None


def test_damaged_data_of_a_preset(damaged: Path) -> None:
    ending = check("nuclei", "--data.root", damaged, "--out", "found", *SMALL)
    assert ending.status == 1
    assert "Traceback" not in ending.err
    lines = ending.out.splitlines()
    # Both label files have the same problems, but an image that both name is missing only once.
    assert "missing image: 1, training stops there" in lines
    assert "unknown category: 2, training stops there" in lines
    assert "self-crossing: 2, kept as it is" in lines
    assert "self-crossing: 2, left out of training" in lines
    assert "partly out of the image: 2, clipped to the image" in lines
    assert any("annotation 13 (1.png)" in line and "instances_val.json" in line for line in lines)
    assert lines[-1] == "10 problems would stop training, 18 would not."
    document = json.loads(Path("found/problems.json").read_text())
    assert document["stops"] == 10 and len(document["problems"]) == 28
    assert sum(entry["count"] for entry in document["kinds"]) == 28
    with Path("found/problems.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["item"] for row in rows] == [p["item"] for p in document["problems"]]
    assert rows[0].keys() == {"file", "item", "kind", "what", "action", "remedy"}


def test_a_path(damaged: Path) -> None:
    ending = check(damaged / "instances_train.json", "--show", "1", "--examples", "0", "--fast")
    assert ending.status == 1
    duplicates = ending.out.split("duplicate annotation: 2")[1].splitlines()
    assert "annotation 18" in duplicates[1]
    assert duplicates[2] == "  ... and 1 more, in runs/check/instances_train/problems.csv"
    assert not list(Path("runs/check/instances_train").glob("*.png"))
    assert "size mismatch: 1" in ending.out and "missing image: 1" in ending.out


def test_settings_after_a_path_reach_the_pictures(clean: Path) -> None:
    ending = check(clean, *SMALL, "--images", clean / "images", "--examples", "2", "--out", "out")
    assert ending.status == 0, ending
    settings = json.loads(Path("out/config.json").read_text())
    assert settings["data"]["augmentation"]["crop_size"] == [64, 64]
    # Two tiles of 768 pixels, the enlarged crops, side by side.
    assert cv2.imread("out/labels-instances_train.png").shape[1] == 2 * 768 + 12


@pytest.mark.parametrize("divided", [False, True])
def test_a_path_is_shown_as_training_would_take_it(divided: bool, tmp_path: Path) -> None:
    """The images that are kept apart, or the file that validates, are not trained on."""
    path: Path = coco_file(tmp_path / "mine", images=10)
    if divided:
        document = json.loads(path.read_text())
        for name, images in (("a_val", document["images"][:3]), ("b_train", document["images"])):
            ids = {image["id"] for image in images}
            own = [a for a in document["annotations"] if a["image_id"] in ids]
            part = {**document, "images": images, "annotations": own}
            path.with_name(f"{name}.json").write_text(json.dumps(part))
        path.unlink()
        path = path.parent
    nano = ["--model.architecture", "nano", "--fast", "--examples", "0"]
    ending = check(path, *nano)
    assert ending.status == 0, ending
    expected = 10 if divided else 8
    assert f" epochs of {expected} images" in ending.out
    of_preset = check("custom", "--data.root", path, *nano)
    lines = ("weights: ", "scale: ", "schedule: ", "  training ", "  test ", "  objects are ")
    said, preset = (
        [line for line in one.out.splitlines() if line.startswith(lines)]
        for one in (ending, of_preset)
    )
    assert said == preset and len(said) == len(lines)


def test_generated_data() -> None:
    sizes = ["--data.synthetic-train", "8", "--data.synthetic-val", "2"]
    ending = check("synthetic", *sizes, "--examples", "1")
    assert ending.status == 0, ending
    assert Path("runs/check/synthetic/labels-val.png").exists()


def test_what_training_refuses_as_a_whole(clean: Path) -> None:
    path = clean / "instances_val.json"
    path.write_text(path.read_text().replace('"thing"', '"other"'))
    ending = check("nuclei", "--data.root", clean, *SMALL[:3], "--train.batch-size", "3")
    assert ending.status == 1
    assert "categories differ: 1, training stops there" in ending.out
    assert "few images: 1, training stops there" in ending.out


def test_missing_folders_and_files_are_one_line(clean: Path) -> None:
    (clean / "images").rename(clean / "elsewhere")
    assert_one_line_error(check("nuclei", "--data.root", clean), clean / "images")
    assert_one_line_error(check(clean), "--images")
    assert_one_line_error(check(clean, "--images", clean / "images"), clean / "images")
    (clean / "instances_train.json").write_text("{")
    assert_one_line_error(check("nuclei", "--data.root", clean), "instances_train.json")
    assert_one_line_error(check("no/such/folder"), "no/such/folder")
    assert_one_line_error(check("missing.json"), "missing.json")


def test_results_that_cannot_be_written_are_one_line(clean: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert_one_line_error(check(clean, "--out", tmp_path / "file" / "below"), "file")


def test_usage(clean: Path) -> None:
    assert_usage_error(check(), "PRESET|PATH")
    for wrong, said in [
        ("nucleii", "nuclei"),
        ("nuclei --shwo 3", "--show"),
        ("nuclei --show -3", "--show"),
        ("nuclei --data.rot x", "--data.root"),
        ("nuclei --images x", "--data.train-images"),
        ("nuclei --format yolo", "--data.format"),
        (f"{clean} --data.targets.vertices many", "--data.targets.vertices"),
        (f"{clean} --format dota", "labelme"),
        (f"{clean} --formatt coco", "did you mean --format"),
    ]:
        assert_usage_error(check(*wrong.split()), said)
    assert check("--help").status == 0
    assert not Path("runs").exists()


@pytest.mark.parametrize(
    "setting",
    [
        ["--data.root", "x"],
        ["--data.root=data"],
        ["--data.format", "yolo"],
        ["--data.train_images", "x"],
        ["--data.val-annotations", "x"],
        ["--data.train-limit", "3"],
        ["--data.synthetic-train", "3"],
        ["--data.no-synthetic-occluders"],
    ],
)
def test_settings_that_a_path_has_no_use_for(clean: Path, setting: list[str]) -> None:
    option = setting[0].split("=")[0].replace("_", "-").replace("no-", "")
    assert_usage_error(check(clean, *setting), f"{option} belongs to a preset")
    assert not Path("runs").exists()


def test_masks_and_labels_are_those_asked_for(clean: Path, tmp_path: Path) -> None:
    """The numbers are those of the masks; what another format does not have is refused."""
    images, labels = kins_tree.write_kins(tmp_path / "kins", 2020)
    found = []
    for masks in ("amodal", "visible"):
        ending = check(labels, "--images", images, "--data.masks", masks, "--out", masks, "--fast")
        assert "Traceback" not in ending.err
        (numbers,) = json.loads(Path(masks, "summary.json").read_text()).values()
        expected = summarise(read_kins(labels, masks=masks)).to_dict()  # type: ignore[arg-type]
        assert numbers == json.loads(json.dumps(expected))
        found.append(numbers)
    assert found[0] != found[1]
    assert_one_line_error(check(clean, "--data.masks", "visible"), "coco", "--data.masks")
    assert_one_line_error(check(clean, "--data.labels", "polygons"), "coco", "--data.labels")


def test_the_format_is_as_told(clean: Path) -> None:
    """A folder with masks beside a COCO file: COCO by itself, masks if asked for."""
    (clean / "masks").mkdir()
    assert check(clean, "--fast", "--examples", "0").status == 0
    ending = check(clean, "--format", "masks", "--fast", "--examples", "0")
    assert ending.status == 0, ending
    assert json.loads(Path("runs/check/clean/summary.json").read_text())["clean"]["objects"] == 0


def test_a_broken_split_is_a_problem(clean: Path) -> None:
    folder = clean.parent / "yolo"
    (folder / "labels" / "train").mkdir(parents=True)
    (clean / "images").rename(folder / "images_")
    (folder / "images").mkdir()
    (folder / "images_").rename(folder / "images" / "train")
    (folder / "data.yaml").write_text("train: images/train\nval: images/vall\nnames: [a]\n")
    ending = check(folder, "--fast", "--examples", "0")
    assert ending.status == 1
    assert "unusable split: 1, training stops there" in ending.out
    assert "images/vall" in ending.out


def test_unreadable_labels_leave_the_results_alone(clean: Path) -> None:
    Path("found").mkdir()
    Path("found/mine.txt").write_text("keep")
    for split in ("train", "val"):
        (clean / f"instances_{split}.json").write_text('{"images"')
    assert_one_line_error(check(clean, "--out", "found"), "instances_train.json")
    assert sorted(p.name for p in Path("found").iterdir()) == ["config.json", "mine.txt"]


def test_interrupted_while_threads_read_images(
    clean: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ctrl-C, which the main thread gets, comes while a worker reads."""

    def read(path: Path) -> np.ndarray:
        main = threading.main_thread().ident
        assert main is not None and threading.get_ident() != main
        signal.pthread_kill(main, signal.SIGINT)
        return read_image(path)

    monkeypatch.setattr("dataset.checks.images.read_image", read)
    # A shell's background jobs ignore the signal, and tests may be one.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        ending = check(clean)
    finally:
        signal.signal(signal.SIGINT, before)
    assert ending.status == 130
    assert "Traceback" not in ending.err and ending.err.strip().endswith("interrupted")


def test_commands() -> None:
    program = "e2ec/__main__.py"
    shown = call(program, "--help")
    assert shown.status == 0 and "check" in shown.out and "convert" in shown.out
    alone = call(program)
    assert alone.status == 2 and alone.out == shown.out
    assert_usage_error(call(program, "chekc"), "did you mean 'check'")
    assert_usage_error(call(program, "zzz"), "check, convert")


@pytest.mark.skipif("E2EC_DATA" not in os.environ, reason="needs the real images of E2EC_DATA")
def test_real_images() -> None:
    root = Path(os.environ["E2EC_DATA"]) / "coco_mini"
    ending = check("coco", "--data.root", root, "--fast", "--examples", "2")
    assert ending.status == 0, ending
    assert "person" in ending.out


def test_values_may_be_called_like_options(tmp_path: Path) -> None:
    """Folders called images, out and format are no misspelt options."""
    labels = write_scene(tmp_path / "data")
    options = ["--data.root", labels.parent, "--train.batch-size", "2", "--examples", "0"]
    for split in ("train", "val"):
        options += [f"--data.{split}-images", "images", f"--data.{split}-annotations", labels.name]
    ending = check("custom", *options, "--out", tmp_path / "out")
    assert ending.status == 0, ending.err


def test_names_that_are_no_text_can_be_reported(tmp_path: Path) -> None:
    """An image called in Latin-1 is missing: named, escaped, in the list and on the screen."""
    labels = write_scene(tmp_path / "data")
    document = json.loads(labels.read_text())
    document["images"][0]["file_name"] = "caf\udce9.png"
    labels.write_text(json.dumps(document))
    ending = check(labels, "--images", tmp_path / "data/images", "--out", tmp_path / "out")
    assert ending.status == 1 and "caf\\udce9.png" in ending.out
    assert "caf\\udce9.png" in (tmp_path / "out/problems.csv").read_text("utf-8")
