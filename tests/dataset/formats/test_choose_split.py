"""Which file of a data set is for what, by its name."""

from __future__ import annotations

from pathlib import Path

import pytest

from dataset.formats.choose_split import choose_split
from dataset.formats.coco.read import COCO
from dataset.formats.format import Split, SplitName
from dataset.formats.kins import KINS
from dataset.formats.split_folders import split_folders, split_in_name
from dataset.formats.yolo.read import YOLO


def split(name: str, role: SplitName | None = None, *, repeats: bool = False) -> Split:
    return Split(name, role, Path("nothing is read to choose"), repeats=repeats)


@pytest.mark.parametrize(
    ("name", "split"),
    [
        ("instances_train2017", "train"),
        ("instances_minival2014", "val"),
        ("valid-_annotations.coco", "val"),
        ("Validation", "val"),
        ("my-test-set", "test"),
        ("labels", None),
        ("interval_strain", None),
        ("train_and_val", None),
    ],
)
def test_splits_in_names(name: str, split: str | None) -> None:
    assert split_in_name(name) == split


@pytest.mark.parametrize(
    ("names", "train", "val"),
    [
        (["anything"], "anything", None),
        (["instances_val2017"], "instances_val2017", None),
        (["instances_train", "instances_val"], "instances_train", "instances_val"),
        (["train", "train_ccby", "val_ccby", "val"], "train", "val"),
        (["train", "extra", "test"], "train", None),
        (["train_a", "train_b"], None, None),
        (["cats", "dogs"], None, None),
    ],
)
def test_files(names: list[str], train: str | None, val: str | None) -> None:
    found = [split(name) for name in names]
    for role, expected in (("train", train), ("val", val)):
        chosen = choose_split(found, role, format=COCO)  # type: ignore[arg-type]
        assert (chosen.name if chosen else None) == expected


def test_what_the_format_says_goes_before_names() -> None:
    found = [split("train", "train"), split("val", "val", repeats=True)]
    assert choose_split(found, "train", format=YOLO) is found[0]
    assert choose_split(found, "val", format=YOLO) is None


def test_kins_validates_on_what_it_calls_test() -> None:
    found = [split("update_train_2020"), split("update_test_2020")]
    assert choose_split(found, "val", format=KINS) is found[1]
    assert choose_split(found, "val", format=COCO) is None


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        (["train/a.json", "val/b.json"], {"train": "train", "val": "val"}),
        (["Train/a.json", "Valid/b.json"], {"train": "Train", "val": "Valid"}),
        (["train/a.json", "val/b.json", "notes/x.txt"], {"train": "train", "val": "val"}),
        (["train/a.json", "val/b.json", "more/c.json"], {}),
        (["train/a.json", "val/b.json", "c.json"], {}),
        (["val/b.json"], {}),
    ],
)
def test_folders(tmp_path: Path, files: list[str], expected: dict[str, str]) -> None:
    """Other folders do not matter unless labels lie in them."""
    for name in files:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("{}")
    found = split_folders(tmp_path, ".json")
    assert {split: path.name for split, path in found.items()} == expected
