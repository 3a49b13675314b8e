"""What lies at a path is told from its files, and all its splits are opened."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest
from damaged_data import clean_folder
from kins_tree import write_kins

from dataset.checks.problems import Problem, strict
from dataset.formats.choose_split import require_split
from dataset.formats.coco.read import coco_files
from dataset.formats.detect import detect_format, format_named
from dataset.formats.format import SplitName, guess_image_folder
from dataset.formats.open_path import open_path
from dataset.index.label_index import LabelIndex
from lib.errors import InputError

SHAPE = {"label": "thing", "points": [[1, 1], [20, 1], [20, 20]], "shape_type": "polygon"}
LABELME = {"shapes": [SHAPE], "imagePath": "1.png", "imageHeight": 64, "imageWidth": 64}


def write(path: Path, text: str = "") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def picture(path: Path, *, mask: bool = False) -> None:
    """A black image, or a mask that is full of object 1."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.ones((64, 64), np.uint16) if mask else np.zeros((64, 64, 3), np.uint8)
    assert cv2.imwrite(str(path), pixels)


def yolo(folder: Path, **files: str) -> Path:
    """An image to train on with one object, and files."""
    picture(folder / "images/train/1.png")
    write(folder / "labels/train/1.txt", "0 0.1 0.1 0.5 0.1 0.5 0.5\n")
    for name, text in files.items():
        write(folder / name.replace("_", "."), text)
    return folder


def objects(path: Path) -> dict[str, int]:
    """Names of the splits at a path, and the objects of the first image of each."""
    return {name: len(data[0].instances) for name, data in open_path(path).items()}


def read_split(path: Path, role: SplitName, name: str) -> tuple[LabelIndex, Path]:
    """The labels of a split, in the format of this name, and the folder of its images."""
    format = format_named(name)
    split = require_split(path, format.find(path), role, format=format)
    index = format.read(split, strict)
    return index, format.images(split, index)


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({"gtFine/train/a/a_gtFine_polygons.json": ""}, "cityscapes"),
        ({"inst/a.mat": "", "img/a.jpg": ""}, "sbd"),
        ({"benchmark_RELEASE/dataset/inst/a.mat": ""}, "sbd"),
        ({"training/image_2/000001.png": "", "a.json": "{}"}, "kins"),
        ({"data.yaml": "names: [a]"}, "yolo"),
        ({"images/train/a.png": "", "labels/train/a.txt": ""}, "yolo"),
        ({"train/images/a.png": "", "train/labels/a.txt": ""}, "yolo"),
        ({"annotations/instances_val2017.json": "{"}, "coco"),
        ({"labels.json": '{"images": [], "annotations": []}'}, "coco"),
        ({"train/_annotations.coco.json": '{"images": [], "annotations": []}'}, "coco"),
        ({"a.json": json.dumps(LABELME), "b.json": "{"}, "labelme"),
        ({"deep/er/a.json": json.dumps(LABELME)}, "labelme"),
        ({"images/a.png": "", "masks/a.png": ""}, "masks"),
        ({"images/a.png": "", "masks/a.png": "", "masks/classes.json": '{"1": "x"}'}, "masks"),
        ({"train/images/a.png": "", "train/masks/a.png": "", "val/masks/b.png": ""}, "masks"),
        # The folder `labels` of other formats, and files of other programs.
        ({"labels/train/a.json": json.dumps(LABELME), "labels/train/classes.txt": "a"}, "labelme"),
        ({"labels/train/a.json": json.dumps(LABELME), "labels/notes.txt": "a"}, "labelme"),
        ({"labels/train/a.json": json.dumps(LABELME), "data.yml": "names: [a]"}, "yolo"),
        ({"labels/train.json": '{"images": [], "annotations": []}'}, "coco"),
        ({"labels/train/a.png": "", "labels/train/classes.json": '{"1": "shapes"}'}, "masks"),
        ({"labels.json": '{"images": [], "annotations": []}', "dvc.yaml": "stages: {}"}, "coco"),
        ({"mine.yaml": "path: x\nnames:\n  0: a\n", "dvc.yaml": "stages: {}"}, "yolo"),
        ({"classes.txt": "a", "labels/train/a.txt": "", "labels/train/a.json": "{}"}, "yolo"),
    ],
)
def test_folders(tmp_path: Path, files: dict[str, str], expected: str) -> None:
    for name, text in files.items():
        write(tmp_path / name, text)
    assert detect_format(tmp_path).name == expected


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("a.json", '{"images": [], "annotations": [], "categories": []}', "coco"),
        ("a.json", '{"images": [], "categories": []}', "coco"),
        ("a.json", "not JSON at all", "coco"),
        ("a.json", "", "coco"),
        ("a.json", '{"images": [], "annotations": [{"a_segm": []}]}', "kins"),
        ("a.json", '{"images": [], "annotations": [{"inmodal_seg": 1}]}', "kins"),
        ("a.json", json.dumps(LABELME), "labelme"),
        ("data.yaml", "names: [a]", "yolo"),
        ("data.yaml", 'names: ["shapes", "images", "annotations", "a_segm"]', "yolo"),
    ],
)
def test_files(tmp_path: Path, name: str, text: str, expected: str) -> None:
    assert detect_format(write(tmp_path / name, text)).name == expected


@pytest.mark.parametrize("name", ["picture.png", "notes.txt", "empty", "missing.json", "kins"])
def test_unknown(tmp_path: Path, name: str) -> None:
    """Labels of KINS without its images are not taken for COCO."""
    picture(tmp_path / "picture.png")
    write(tmp_path / "notes.txt", "nothing")
    (tmp_path / "empty").mkdir()
    write(tmp_path / "kins/a.json", '{"images": [], "annotations": [{"a_segm": []}]}')
    with pytest.raises(InputError, match=f"{name}: no "):
        detect_format(tmp_path / name)


def test_captions_are_no_instances(tmp_path: Path) -> None:
    for name in ("instances_val2017", "instances_train2017", "captions_val2017"):
        write(tmp_path / "annotations" / f"{name}.json", '{"images": [], "annotations": []}')
    names = [path.stem for path in coco_files(tmp_path)]
    assert names == ["instances_train2017", "instances_val2017"]


def test_coco_folder_with_its_splits_and_one_of_its_files(tmp_path: Path) -> None:
    folder = clean_folder(tmp_path / "data")
    found = open_path(folder)
    assert list(found) == ["instances_train", "instances_val"]
    assert found["instances_train"].folder == folder / "images"
    assert len(found["instances_val"]) == 2
    assert list(open_path(folder / "instances_val.json")) == ["instances_val"]


def test_images_of_a_coco_file_are_found_or_given(tmp_path: Path) -> None:
    folder = clean_folder(tmp_path / "data")
    labels = folder / "annotations" / "instances_val2017.json"
    labels.parent.mkdir()
    (folder / "instances_val.json").rename(labels)
    index = open_path(labels, images=folder / "images")["instances_val2017"].index
    # Nearest first; each is moved away for the next.
    places = [
        folder / "annotations" / "images",
        folder / "val2017",
        folder / "images" / "val2017",
        folder / "images",
    ]
    for place in places[:-1]:
        shutil.copytree(folder / "images", place)
    for place in places:
        assert guess_image_folder(labels, index) == place
        shutil.rmtree(place)
    with pytest.raises(InputError, match="--images"):
        guess_image_folder(labels, index)


@pytest.mark.parametrize(
    ("images", "labels", "names"),
    [
        # Files of one name are told apart by their folders.
        ("{}", "{}/_annotations.coco.json", ("train-_annotations.coco", "val-_annotations.coco")),
        ("images/{}", "labels/{}.json", ("train", "val")),
    ],
)
def test_coco_with_a_folder_of_images_for_each_split(
    tmp_path: Path, images: str, labels: str, names: tuple[str, str]
) -> None:
    clean, data = clean_folder(tmp_path / "clean"), tmp_path / "data"
    for split in ("train", "val"):
        shutil.copytree(clean / "images", data / images.format(split))
        path = data / labels.format(split)
        write(path, (clean / f"instances_{split}.json").read_text())
    write(data / "dvc.yaml", "stages: {}")
    found = {name: opened.folder.name for name, opened in open_path(data).items()}
    assert found == dict(zip(names, ("train", "val"), strict=True))


def test_data_of_one_split(tmp_path: Path) -> None:
    picture(tmp_path / "a" / "1.png")
    write(tmp_path / "a" / "1.json", json.dumps(LABELME))
    assert objects(tmp_path / "a") == objects(tmp_path / "a" / "1.json") == {"a": 1}
    picture(tmp_path / "b" / "images" / "1.png")
    picture(tmp_path / "b" / "masks" / "1.png", mask=True)
    assert objects(tmp_path / "b") == {"b": 1}
    write_kins(tmp_path / "c", 2020)
    assert objects(tmp_path / "c") == {"update_train_2020": 3}


def test_nothing_to_open(tmp_path: Path) -> None:
    (tmp_path / "gtFine").mkdir()
    with pytest.raises(InputError, match="no split"):
        open_path(tmp_path)


@pytest.mark.parametrize(
    ("labels", "images"), [("labels/{}", "../../images/{}/1.png"), ("{}", "1.png")]
)
def test_labelme_with_a_folder_for_each_split(tmp_path: Path, labels: str, images: str) -> None:
    """The training image has one object, the validation image none."""
    for split, shapes in (("train", [SHAPE]), ("val", [])):
        document = LABELME | {"shapes": shapes, "imagePath": images.format(split)}
        folder = tmp_path / labels.format(split)
        write(folder / "1.json", json.dumps(document))
        picture(folder / images.format(split))
        write(folder / "classes.txt", "thing")
    assert objects(tmp_path) == {"train": 1, "val": 0}
    for split, number in (("train", 1), ("val", 0)):
        index, place = read_split(tmp_path, split, "labelme")  # type: ignore[arg-type]
        assert index.annotation_count() == number
        assert (place / index.image(0).name).is_file()
    with pytest.raises(InputError, match="has no test split"):
        read_split(tmp_path, "test", "labelme")


@pytest.mark.parametrize("labels", ["labels", "masks"])
def test_masks_with_a_folder_for_each_split(tmp_path: Path, labels: str) -> None:
    for split in ("train", "val"):
        picture(tmp_path / "images" / split / "1.png")
        picture(tmp_path / labels / split / "1.png", mask=True)
    assert objects(tmp_path) == {"train": 1, "val": 1}
    assert read_split(tmp_path, "val", "masks")[1] == tmp_path / "images" / "val"
    given = open_path(tmp_path, images=tmp_path / "images")
    assert given["val"].folder == tmp_path / "images" / "val"
    # One list of classes for all: one data set, with folders inside.
    write(tmp_path / labels / "classes.json", '{"1": "thing"}')
    assert {len(data) for data in open_path(tmp_path).values()} == {2}


def test_masks_and_images_in_a_folder_of_each_split(tmp_path: Path) -> None:
    for split in ("train", "valid"):
        picture(tmp_path / split / "images" / f"{split}.png")
        picture(tmp_path / split / "masks" / f"{split}.png", mask=True)
    found = {name: data.image_names for name, data in open_path(tmp_path).items()}
    assert found == {"train": ("train.png",), "val": ("valid.png",)}


def test_labelme_splits_share_their_classes(tmp_path: Path) -> None:
    """Without lists the classes are those of all splits; a point is of none."""
    for split, label, kind in (
        ("train", "cat", "polygon"), ("val", "dog", "polygon"), ("val", "tip", "point"),
    ):  # fmt: skip
        shape = SHAPE | {"label": label, "shape_type": kind}
        name = f"{label}.png"
        document = LABELME | {"shapes": [shape], "imagePath": name}
        write(tmp_path / split / f"{label}.json", json.dumps(document))
        picture(tmp_path / split / name)
    for data in open_path(tmp_path).values():
        assert data.class_names == ("cat", "dog")
    write(tmp_path / "val" / "classes.txt", "dog\n")
    assert open_path(tmp_path)["train"].class_names == ("cat",)


def test_a_yolo_split_that_repeats_the_training_images_is_none(tmp_path: Path) -> None:
    """But is there for those who ask for it by name."""
    yolo(tmp_path, data_yaml="train: images/train\nval: images/train\nnames: [thing]\n")
    assert list(open_path(tmp_path)) == ["train"]
    assert len(read_split(tmp_path, "val", "yolo")[0]) == 1


def test_a_split_that_is_named_but_unusable_is_a_problem(tmp_path: Path) -> None:
    """One that is not named is none; what training does without does not stop it."""
    text = "train: images/train\nnames: [thing]\nval:\n"
    yaml = yolo(tmp_path, data_yaml=text) / "data.yaml"
    problems: list[Problem] = []
    assert list(open_path(tmp_path, report=problems.append)) == ["train"]
    assert problems == []
    yaml.write_text("train: images/train\nval: images/vall\ntest: images/test\nnames: [thing]\n")
    assert list(open_path(tmp_path, report=problems.append)) == ["train"]
    assert [(p.file, p.kind, p.action) for p in problems] == [
        (str(yaml), "unusable split", "stops"),
        (str(yaml), "unusable split", "left out"),
    ]
    assert "images/vall" in problems[0].line()
    with pytest.raises(InputError, match="images/vall"):
        open_path(tmp_path)
    with pytest.raises(InputError, match="images/vall"):
        read_split(tmp_path, "val", "yolo")


def test_yaml_files_of_other_programs_are_passed_over(tmp_path: Path) -> None:
    assert objects(yolo(tmp_path, classes_txt="thing\n", dvc_yaml="stages: {}\n")) == {"train": 1}


@pytest.mark.parametrize("kind", ["sbd", "cityscapes"])
def test_images_are_not_given_where_the_format_says_where_they_are(
    tmp_path: Path, kind: str
) -> None:
    with pytest.raises(InputError, match="omit --images"):
        open_path(tmp_path, format=format_named(kind), images=tmp_path)
