"""Every format from its settings: files as distributed -> data set -> targets -> evaluation."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from cityscapes_tree import write_tree
from front_doors import assert_one_line_error, assert_usage_error, call, coco_folder
from kins_tree import write_kins
from own_data import parsed
from sbd_tree import NAMES as SBD_NAMES
from sbd_tree import write_sbd
from training_path import training_path

from e2ec.engine.data.open_data import build_dataset, open_data, require_trainable
from e2ec.engine.evaluate.evaluator import main_metric
from e2ec.presets import load_preset
from lib.errors import InputError


def sbd(root: Path, patch: pytest.MonkeyPatch) -> list[str]:
    """A miniature of three images, which stand for both splits."""
    patch.setattr("dataset.formats.sbd.read.split_names", lambda split: SBD_NAMES)
    return ["sbd", "--data.root", str(write_sbd(root))]


def kins(generation: int) -> Callable[[Path, pytest.MonkeyPatch], list[str]]:
    def write(root: Path, patch: pytest.MonkeyPatch) -> list[str]:
        images, annotations = write_kins(root, generation)
        options = ["kins", "--data.root", str(root)]
        for split in ("train", "val"):
            options += [f"--data.{split}-images", str(images.relative_to(root))]
            options += [f"--data.{split}-annotations", str(annotations.relative_to(root))]
        return options

    return write


def cityscapes(labels: str) -> Callable[[Path, pytest.MonkeyPatch], list[str]]:
    def write(root: Path, patch: pytest.MonkeyPatch) -> list[str]:
        write_tree(root)
        return ["cityscapes", "--data.root", str(root), "--data.labels", labels]

    return write


DISTRIBUTIONS = {
    "sbd": sbd,
    "kins 2019": kins(2019),
    "kins 2020": kins(2020),
    "cityscapes": cityscapes("instance_ids"),
    "cityscapes polygons": cityscapes("polygons"),
}


def results_of(truth: dict) -> list[dict]:
    """The ground truth as results; crowd regions are not among them."""
    return [
        {key: a[key] for key in ("image_id", "category_id", "segmentation")} | {"score": 1.0}
        for a in truth["annotations"]
        if not a["iscrowd"]
    ]


@pytest.mark.parametrize("name", DISTRIBUTIONS)
def test_the_ground_truth_as_results_is_perfect(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Through the command, with every metric of the preset; and its labels become targets."""
    options = DISTRIBUTIONS[name](tmp_path / "data", monkeypatch)
    config = parsed(*options)
    for split in ("train", "val"):
        dataset = build_dataset(config, split)  # type: ignore[arg-type]
        examples = training_path(dataset, config.data.augmentation, config.data.targets, seed=0)
        assert sum(len(examples[0, i].classes) for i in range(len(examples))) > 0  # type: ignore
    truth = build_dataset(config, "val").ground_truth()
    path = tmp_path / "results.json"
    path.write_text(json.dumps(results_of(truth)))
    ending = call("test.py", *options, "--results", path, "--out", tmp_path / "out")
    assert ending.status == 0, ending.err
    metrics = json.loads((tmp_path / "out/metrics.json").read_text())["metrics"]
    assert main_metric(config.eval) in metrics
    expected = {"sbd": "segm/APvol", "cityscapes": "official/AP", "kins": "boundary/AP"}
    assert expected[options[0]] in metrics
    values = {key: v for key, v in metrics.items() if v is not None and "/AR" not in key}
    assert values and set(values.values()) == {1.0}, values
    assert "100.0" in ending.out


def test_kins_masks_are_chosen_by_a_setting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = kins(2020)(tmp_path, monkeypatch)
    areas = {}
    for masks in ("amodal", "visible"):
        config = parsed(*options, "--data.masks", masks)
        truth = build_dataset(config, "train").ground_truth()
        areas[masks] = sum(a["area"] for a in truth["annotations"])
    assert areas["amodal"] > areas["visible"] > 0


def test_results_that_miss_an_image_score_less(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = sbd(tmp_path / "data", monkeypatch)
    truth = build_dataset(parsed(*options), "val").ground_truth()
    results = [r for r in results_of(truth) if r["image_id"] != 2008000008]
    path = tmp_path / "results.json"
    path.write_text(json.dumps(results))
    assert call("test.py", *options, "--results", path, "--out", tmp_path / "out").status == 0
    metrics = json.loads((tmp_path / "out/metrics.json").read_text())["metrics"]
    assert metrics["segm/APvol"] == pytest.approx(2 / 4)  # horse and person missed of four classes


def test_results_of_boxes_alone(tmp_path: Path) -> None:
    root = coco_folder(tmp_path / "data")
    options = ["nuclei", "--data.root", str(root)]
    truth = build_dataset(parsed(*options), "val").ground_truth()
    results = [
        {"image_id": a["image_id"], "category_id": a["category_id"], "bbox": a["bbox"], "score": 1}
        for a in truth["annotations"]
    ]
    path = tmp_path / "boxes.json"
    path.write_text(json.dumps(results))
    ending = call("test.py", *options, "--results", path, "--out", tmp_path / "out")
    assert ending.status == 0, ending.err
    metrics = json.loads((tmp_path / "out/metrics.json").read_text())["metrics"]
    assert metrics["bbox/AP"] == 1.0 and "segm/AP" not in metrics
    path.write_text(json.dumps([{**results[0], "score": "high"}]))
    ending = call("test.py", *options, "--results", path, "--out", tmp_path / "out")
    assert_one_line_error(ending, "boxes.json", "entry 0", "score")
    ending = call("test.py", *options, "--results", tmp_path / "none.json")
    assert_one_line_error(ending, "none.json")
    assert_usage_error(
        call("test.py", *options, "--results", path, "--weights", "w.safetensors"), "--results"
    )


def test_a_file_for_the_test_server(tmp_path: Path) -> None:
    """Test images of COCO come without labels: results are written, nothing is scored."""
    root = coco_folder(tmp_path / "data")
    labels = next(root.rglob("*.json"))
    document = json.loads(labels.read_text())
    info = root / "image_info_test-dev2017.json"
    info.write_text(json.dumps({k: v for k, v in document.items() if k != "annotations"}))
    options = ["nuclei", "--name", "mine", "--data.root", str(root)]
    results = results_of(build_dataset(parsed(*options), "val").ground_truth())
    path = tmp_path / "results.json"
    path.write_text(json.dumps(results))
    options += ["--data.test-images", "images", "--data.test-annotations", info.name]
    options += ["--split", "test"]
    ending = call("test.py", *options, "--results", path, "--out", tmp_path / "out")
    assert ending.status == 0, ending.err
    assert "without labels" in ending.out
    written = tmp_path / "out/results/detections_test-dev2017_mine_results.zip"
    assert str(written) in ending.out and written.is_file()
    assert not (tmp_path / "out/metrics.json").exists()
    with zipfile.ZipFile(written) as archive:
        (entry, *_) = json.loads(archive.read(archive.namelist()[0]))
    assert set(entry) == {"image_id", "category_id", "segmentation", "score"}
    assert isinstance(entry["segmentation"]["counts"], str)  # polygons became run lengths
    for wrong in ({"image_id": 999_999}, {"category_id": 77_777}):
        path.write_text(json.dumps([results[0] | wrong]))
        ending = call("test.py", *options, "--results", path, "--out", tmp_path / "wrong")
        assert_one_line_error(ending, "results.json", "entry 0")
    assert not (tmp_path / "wrong/results").exists()


def two_points(document: dict) -> None:
    for annotation in document["annotations"]:
        annotation["segmentation"] = [[1, 1, 5, 5]]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (two_points, "no contour to learn from"),  # objects are left out one by one
        (lambda document: document.pop("annotations"), "the train data has no labels"),
    ],
)
def test_data_without_contours_or_labels_is_not_trained_on(
    change: Callable[[dict], object], message: str, tmp_path: Path
) -> None:
    root = coco_folder(tmp_path / "data")
    labels = next(root.rglob("*.json"))
    document = json.loads(labels.read_text())
    change(document)
    labels.write_text(json.dumps(document))
    data = open_data(parsed("nuclei", "--data.root", root))
    with pytest.raises(InputError, match=f"{labels.name}: {message}"):
        require_trainable(data.train, data.val)


def test_splits_that_are_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for preset, remedy in (("synthetic", "test split"), ("sbd", "test split"), ("kins", "test")):
        with pytest.raises(InputError, match=remedy):
            build_dataset(load_preset(preset), "test")
