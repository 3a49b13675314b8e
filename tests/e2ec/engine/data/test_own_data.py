"""`custom --data.root PATH` with nothing else said: format, splits and a share that validates."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from front_doors import assert_one_line_error, call, coco_folder
from own_data import (
    TINY_CUSTOM,
    coco_export,
    coco_file,
    converted,
    labelme_without_lists,
    parsed,
    yolo_by_folders,
)

from dataset.formats.detect import format_named
from e2ec.app.commands.convert import ConvertOptions, convert
from e2ec.config import Config
from e2ec.engine.data.open_data import build_dataset, open_data, require_trainable
from e2ec.engine.data.training_data import TrainingData
from lib.errors import InputError

pytestmark = pytest.mark.usefixtures("elsewhere")

UNSPLIT: dict[str, Callable[[Path], Path]] = {
    "coco file": coco_file,
    "coco folder": lambda folder: coco_file(folder).parent,
    "yolo of one split": lambda folder: converted(folder, "yolo"),
    "yolo, images and labels": lambda folder: yolo_by_folders(folder, None),
    "yolo, classes alone": lambda f: yolo_by_folders(f, "nc: 2\nnames: [class 1, class 2]\n"),
    "data.yaml": lambda folder: converted(folder, "yolo") / "data.yaml",
    "labelme": lambda folder: converted(folder, "labelme"),
    "masks": lambda folder: converted(folder, "masks"),
}
SPLIT: dict[str, Callable[[Path], Path]] = {
    "coco": lambda folder: converted(folder, "coco", fraction=0.2),
    "coco export": coco_export,
    "yolo": lambda folder: converted(folder, "yolo", fraction=0.2),
    "labelme": lambda folder: converted(folder, "labelme", fraction=0.2),
    "labelme without lists": labelme_without_lists,
    "masks": lambda folder: converted(folder, "masks", fraction=0.2),
    "masks without copies": lambda f: converted(f, "masks", fraction=0.2, copy_images=False),
}


def custom(root: object, *options: object) -> Config:
    return parsed("custom", "--data.root", root, *options)


def names(data: TrainingData) -> dict[str, set[str]]:
    """The images of both splits, without their folders."""
    record = data.record()
    assert record is not None
    return {split: {Path(name).name for name in record[split]} for split in ("train", "val")}


def two_splits(data: TrainingData) -> dict[str, set[str]]:
    found = names(data)
    assert (len(found["train"]), len(found["val"])) == (8, 2)
    assert found["train"] | found["val"] == {f"{n}.jpg" for n in range(1, 11)}
    assert data.train.class_names == data.val.class_names == ("class 1", "class 2")
    assert len(data.train[0].image) == len(data.val[0].image) == 64  # the images are found
    return found


@pytest.mark.parametrize("name", UNSPLIT)
def test_a_fifth_validates_where_there_is_no_split(name: str, tmp_path: Path) -> None:
    """The same images in every format: they are called the same."""
    config = custom(UNSPLIT[name](tmp_path / "data"))
    data = open_data(config)
    assert two_splits(data)["val"] == {f"{n}.jpg" for n in EXPECTED}
    assert "8 images to train on, 2 (a fifth, --data.val-fraction) to validate" in data.line()
    require_trainable(data.train, data.val)
    for split in ("train", "val"):
        alone = build_dataset(config, split)  # type: ignore[arg-type]
        assert alone.image_ids == getattr(data, split).image_ids


# The first two of numpy.random.default_rng(0).permutation(10), [4, 6, ...], among the names as they
# are sorted: 1, 10, 2, 3, 4, 5, 6, 7, 8, 9.
EXPECTED = {4, 6}


@pytest.mark.parametrize("name", SPLIT)
def test_splits_that_the_data_has(name: str, tmp_path: Path) -> None:
    """As `convert --val-fraction` wrote them: the images that training would have taken."""
    root = SPLIT[name](tmp_path / "data")
    data = open_data(custom(root))
    assert two_splits(data)["val"] == {f"{n}.jpg" for n in EXPECTED}
    assert data.plan.fraction is None
    assert "8 images to train on, 2 to validate" in data.line()
    require_trainable(data.train, data.val)


@pytest.mark.parametrize("kind", ["coco", "yolo", "labelme", "masks"])
def test_a_format_that_is_named(kind: str, tmp_path: Path) -> None:
    for number, fraction in enumerate((None, 0.2)):
        root = converted(tmp_path / str(number), kind, fraction=fraction)
        two_splits(open_data(custom(root, "--data.format", kind)))


def test_train_test_check_and_convert_take_the_same_images(tmp_path: Path) -> None:
    """Through the commands, with a fraction and a seed of one's own."""
    root = coco_file(tmp_path / "data")
    options = ["--data.root", root, *TINY_CUSTOM, "--train.batch-size", "7"]
    options += ["--data.val-fraction", "0.3", "--train.seed", "5"]
    run = tmp_path / "runs/mine"
    ending = call("train.py", "custom", *options, "--name", "mine")
    assert ending.status == 0, ending
    line = f"data: COCO, {root}: 7 images to train on, 3 (0.3, --data.val-fraction) to validate"
    assert ending.out.splitlines()[0] == line
    record = json.loads((run / "splits.json").read_text())
    assert (record["val_fraction"], record["seed"], record["format"]) == (0.3, 5, "coco")
    assert record["source"] == {"train": str(root), "val": str(root)}
    assert len(record["train"]) == 7 and not set(record["train"]) & set(record["val"])

    weights = ["--weights", run / "weights.safetensors"]
    ending = call("test.py", "custom", *options, *weights, "--out", "tested")
    assert ending.status == 0 and "note" not in ending.out, ending
    assert json.loads(Path("tested/metrics.json").read_text())["images"] == 3
    config = custom(root, "--data.val-fraction", "0.3", "--train.seed", "5")
    assert names(open_data(config))["val"] == set(record["val"])

    for target in (["custom", "--data.root", root], [root]):
        fraction = ["--data.val-fraction", "0.3", "--train.seed", "5", "--examples", "0"]
        ending = call("e2ec/__main__.py", "check", *target, *fraction, "--out", "checked")
        assert line in ending.out, ending
        numbers = json.loads(Path("checked/summary.json").read_text())
        assert {name: numbers[name]["images"] for name in numbers} == {"train": 7, "val": 3}

    convert(ConvertOptions(root, "yolo", tmp_path / "yolo", val_fraction=0.3, seed=5))
    assert {p.name for p in (tmp_path / "yolo/images/val").iterdir()} == set(record["val"])

    # Tested on other images than were kept apart: said, and how to have the same.
    ending = call("test.py", "custom", "--data.root", root, *TINY_CUSTOM, *weights, "--out", "b")
    assert ending.status == 0, ending
    assert "--data.val-fraction 0.3 --train.seed 5" in ending.out


def test_check_of_a_path_stays_one_split(tmp_path: Path) -> None:
    root = coco_file(tmp_path / "data")
    ending = call("e2ec/__main__.py", "check", root, "--examples", "0", "--out", "checked")
    assert ending.status == 0 and "data:" not in ending.out, ending
    assert list(json.loads(Path("checked/summary.json").read_text())) == ["mine"]
    root = converted(tmp_path / "yolo", "yolo")
    call("e2ec/__main__.py", "check", root, "--examples", "0", "--out", "checked")
    assert list(json.loads(Path("checked/summary.json").read_text())) == ["train"]


def test_a_fraction_that_is_given_goes_before_a_split_of_its_own(tmp_path: Path) -> None:
    root = converted(tmp_path / "data", "yolo", fraction=0.2)
    data = open_data(custom(root, "--data.val-fraction", "0.25"))
    found = names(data)
    assert (len(found["train"]), len(found["val"])) == (6, 2)
    assert not found["val"] & {f"{n}.jpg" for n in EXPECTED}
    assert "(a quarter, --data.val-fraction) to validate, in place of its own" in data.line()


def test_validation_images_without_an_object_are_told(tmp_path: Path) -> None:
    root = coco_file(tmp_path / "data")
    document = json.loads(root.read_text())
    document["annotations"] = [a for a in document["annotations"] if a["image_id"] not in EXPECTED]
    root.write_text(json.dumps(document))
    assert open_data(custom(root)).line().endswith("choose others with --train.seed")
    assert "none of these" not in open_data(custom(root, "--train.seed", "1")).line()


def test_other_presets_take_a_fraction_too(tmp_path: Path) -> None:
    root = coco_folder(tmp_path / "data", images=5)
    words = ["nuclei", "--data.root", root]
    whole = open_data(parsed(*words))
    assert (len(whole.train), len(whole.val)) == (5, 5)
    data = open_data(parsed(*words, "--data.val-fraction", 0.4, "--data.train-limit", 2))
    assert (len(data.train), len(data.val)) == (2, 2)
    assert not set(data.train.image_ids) & set(data.val.image_ids)
    with pytest.raises(InputError, match=r"--data\.synthetic-val"):
        open_data(parsed("synthetic", "--data.val-fraction", 0.4))


def test_chosen_images_are_divided(tmp_path: Path) -> None:
    """The ids are those of the data: none is missing because it is in the other split."""
    root = coco_file(tmp_path / "data")
    data = open_data(custom(root, "--data.image-ids", "1", "2", "3", "4"))
    assert sorted(data.train.image_ids + data.val.image_ids) == [1, 2, 3, 4]
    assert len(data.val) == 1


def test_labels_that_are_named(tmp_path: Path) -> None:
    """They win over whatever else lies there; images are where they are said or found."""
    root = converted(tmp_path / "data", "coco", fraction=0.2)
    (root / "photos").mkdir()
    for path in (root / "images").iterdir():
        shutil.copy(path, root / "photos")
    swapped = ["--data.train-annotations", "instances_val.json"]
    swapped += ["--data.val-annotations", "instances_train.json"]
    for images in ([], ["--data.train-images", "photos", "--data.val-images", "photos"]):
        data = open_data(custom(root, *swapped, *images))
        assert (len(data.train), len(data.val)) == (2, 8)
        assert data.train.folder.name == "photos" if images else "images"  # type: ignore[attr-defined]
    data = open_data(custom(root, "--data.train-annotations", "instances_train.json"))
    assert (len(data.train), len(data.val), data.plan.fraction) == (6, 2, 0.2)


def test_masks_that_are_named_have_their_images_in_images(tmp_path: Path) -> None:
    root = converted(tmp_path / "data", "masks")
    data = open_data(custom(root, "--data.train-annotations", "masks"))
    assert data.plan.format is format_named("masks") and two_splits(data)


def test_a_format_that_knows_its_places_has_no_labels_to_name(tmp_path: Path) -> None:
    root = converted(tmp_path / "data", "yolo")
    with pytest.raises(InputError, match="yolo says itself where its labels are"):
        open_data(custom(root, "--data.train-annotations", "."))
    # Named by the preset and not by the user, they are passed over.
    config = parsed("coco", "--data.root", root, "--data.format", "yolo")
    assert len(build_dataset(config, "train")) == 10


def test_images_elsewhere(tmp_path: Path) -> None:
    root = coco_file(tmp_path / "data")
    (root.parent / "images").rename(tmp_path / "photos")
    with pytest.raises(InputError, match=r"--data\.train-images"):
        open_data(custom(root))
    two_splits(open_data(custom(root, "--data.train-images", "../photos")))
    two_splits(open_data(custom(root, "--data.train-images", tmp_path / "photos")))


@pytest.mark.parametrize("kind", ["labelme", "masks"])
def test_the_places_that_custom_always_had(kind: str, tmp_path: Path) -> None:
    """images/train with labels/train, and so on; with a list of classes beside them too."""
    root = tmp_path / "data"
    for split in ("train", "val"):
        made = converted(tmp_path / split, kind)
        photos, labels = (made / "images", made / "masks") if kind == "masks" else (made, made)
        for room, source, others in (("images", photos, "*.json"), ("labels", labels, "*.jpg")):
            shutil.copytree(source, root / room / split, ignore=shutil.ignore_patterns(others))
    for path in (root / "labels").glob("*/*.json"):
        own, moved = '"imagePath": "', f'"imagePath": "../../images/{path.parent.name}/'
        path.write_text(path.read_text().replace(own, moved))
    options = ["--data.format", kind]
    data = [open_data(custom(root)), open_data(custom(root, *options))]
    (root / "labels/classes.txt").write_text("class 1\nclass 2\n")
    data.append(open_data(custom(root, *options)))
    for one in data:
        assert (len(one.train), len(one.val), one.plan.fraction) == (10, 10, None)
    named = ["--data.train-annotations", "labels/val", "--data.val-annotations", "labels/train"]
    named += ["--data.train-images", "images/val", "--data.val-images", "images/train"]
    one = open_data(custom(root, *named))
    assert one.plan.format is format_named(kind) and one.train.source == str(root / "labels/val")


def test_what_cannot_be_trained_on_is_one_line(tmp_path: Path) -> None:
    def refused(root: object, *parts: object) -> None:
        ending = call("train.py", "custom", "--data.root", root, *TINY_CUSTOM)
        assert_one_line_error(ending, *parts)

    refused(tmp_path / "none", tmp_path / "none", "--data.root")
    (tmp_path / "empty").mkdir()
    refused(tmp_path / "empty", tmp_path / "empty", "no labels of a known format")
    root = coco_file(tmp_path / "one", images=1, classes=1)
    refused(root, root, "has 1 image")
    root = coco_file(tmp_path / "two")
    shutil.copy(root, root.with_name("other.json"))
    refused(root.parent, "mine, other", "--data.train-annotations")
    document = json.loads(root.read_text())
    root.write_text(json.dumps(document | {"annotations": []}))
    refused(root, root, "no contour to learn from")
    root = converted(tmp_path / "classes", "yolo")
    (root / "data.yaml").write_text("train: images/train\nnc: 3\nnames: [thing]\n")
    refused(root, "data.yaml", "'nc' is '3' but 'names' lists 1")
    root = converted(tmp_path / "differ", "labelme", fraction=0.2)
    (root / "val/classes.json").write_text('{"1": "class 1", "2": "class 2", "3": "more"}')
    refused(root, root / "val", "categories differ")


def test_a_test_split(tmp_path: Path) -> None:
    root = converted(tmp_path / "data", "yolo", fraction=0.2)
    path = root / "data.yaml"
    path.write_text(path.read_text().replace("val: images/val", "test: images/val"))
    config = custom(root)
    assert len(build_dataset(config, "test")) == 2
    assert len(open_data(config).val) == 2 and open_data(config).plan.fraction == 0.2
    with pytest.raises(InputError, match=r"--data\.test-images"):
        build_dataset(custom(coco_file(tmp_path / "other")), "test")


def test_large_labels_are_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What took long to read at a path comes from disk the second time."""
    monkeypatch.setenv("E2EC_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("dataset.index.cache._WORTH", 0.0)
    root = coco_file(tmp_path / "data")
    first = names(open_data(custom(root)))
    monkeypatch.setattr("dataset.formats.coco.read.read_coco", None)  # it cannot be read again
    assert names(open_data(custom(root))) == first
