"""2,000 damaged label files and images: a clear error or a sound sample, nothing else.

Every file of a miniature of every format is damaged at random: bits flipped, bytes cut off, removed
or repeated, and in JSON and text values exchanged for wrong types, huge numbers, deep nesting and
names that climb out of the folder. Reading must end quickly, either in a sound data set or in an
`InputError`, must write nothing, and must not open a file outside of the data.
"""

from __future__ import annotations

import json
import math
import os
import re
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from cityscapes_tree import write_tree
from kins_tree import write_kins
from label_scenes import files as contents_of
from label_scenes import write_scene
from sbd_tree import NAMES as SBD_NAMES
from sbd_tree import write_sbd
from training_path import training_path

from dataset.checks.problems import Problem
from dataset.index.label_index import LabelIndex
from dataset.loading.loader import LoadingFailure
from e2ec.app.commands.convert import ConvertOptions, convert
from e2ec.config import AugmentationSettings, Config, DataConfig, Format
from e2ec.engine.data.open_data import build_dataset
from lib.errors import InputError
from lib.images import write_image

CASES = 200  # of each of the ten below
PATIENCE = 5.0  # seconds for a file that takes milliseconds
SECRET = "secret.png"


def coco(root: Path) -> DataConfig:
    labels = write_scene(root)
    return DataConfig(
        format="coco", root=root, train_images=Path("images"), train_annotations=labels
    )


def sbd(root: Path) -> DataConfig:
    return DataConfig(format="sbd", root=write_sbd(root))


def kins(root: Path) -> DataConfig:
    images, labels = write_kins(root, 2020)
    return DataConfig(format="kins", root=root, train_images=images, train_annotations=labels)


def cityscapes(root: Path) -> DataConfig:
    write_tree(root)
    shutil.rmtree(root / "leftImg8bit/val", ignore_errors=True)
    shutil.rmtree(root / "gtFine/val", ignore_errors=True)
    return DataConfig(format="cityscapes", root=root)


def converted(kind: Format) -> Callable[[Path], DataConfig]:
    """The common scene in one of the formats for own data."""

    def write(root: Path) -> DataConfig:
        source = root.parent / f"{root.name}-coco"
        labels = write_scene(source)
        convert(ConvertOptions(source=labels, to=kind, out=root, copy_images=True))
        shutil.rmtree(source)
        return DataConfig(format=kind, root=root, **_PLACES.get(kind, {}))

    return write


_PLACES: dict[Format, dict[str, Path]] = {
    "labelme": {"train_images": Path("."), "train_annotations": Path(".")},
    "masks": {"train_images": Path("images"), "train_annotations": Path("masks")},
}
FORMATS: dict[str, tuple[Callable[[Path], DataConfig], str]] = {
    # the folder, and which of its files are damaged
    "coco": (coco, "*.json"),
    "coco images": (coco, "*.[pj][np]g"),
    "sbd": (sbd, "*.mat"),
    "kins": (kins, "*.json"),
    "cityscapes": (cityscapes, "*_instanceIds.png"),
    "cityscapes polygons": (
        lambda root: replace(cityscapes(root), labels="polygons"),
        "*_polygons.json",
    ),
    "yolo": (converted("yolo"), "*.[ty][xa][tm]*"),
    "labelme": (converted("labelme"), "*.json"),
    "masks": (converted("masks"), "masks/*"),
    "images": (converted("yolo"), "*.png"),
}


class Watch:
    """Notes what is opened, and whether for writing; audit hooks stay for ever, so it is off."""

    def __init__(self) -> None:
        self.on = False
        self.opened: list[tuple[str, bool]] = []

    def __call__(self, event: str, arguments: tuple[Any, ...]) -> None:
        if self.on and event == "open":
            path, mode, flags = arguments
            writing = any(sign in (mode or "") for sign in "wax+")
            writing |= isinstance(flags, int) and bool(flags & (os.O_WRONLY | os.O_RDWR))
            self.opened.append((str(path), writing))


WATCH = Watch()
sys.addaudithook(WATCH)


@pytest.fixture
def watch() -> Iterator[Watch]:
    yield WATCH
    WATCH.on = False


@pytest.mark.parametrize("name", FORMATS)
def test_damaged_files(
    name: str, tmp_path: Path, watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dataset.formats.sbd.read.split_names", lambda split: SBD_NAMES)
    root = tmp_path / "a" / "data"
    for folder in (tmp_path, tmp_path / "a"):
        write_image(folder / SECRET, np.zeros((60, 80, 3), np.uint8))
    write, pattern = FORMATS[name]
    data = replace(write(root), augmentation=AugmentationSettings(crop_size=(64, 64)))
    config = Config(name="fuzz", data=data)
    files = sorted(path for path in root.rglob(pattern) if path.is_file())
    contents = {path: path.read_bytes() for path in files}
    assert _use(config) == "", "the undamaged data must be readable"
    before = contents_of(tmp_path)
    errors = 0
    watch.on = True
    for case in range(CASES):
        rng = np.random.default_rng([list(FORMATS).index(name), case])
        path = files[int(rng.integers(len(files)))]
        damaged = damage(contents[path], path.suffix, rng)
        path.write_bytes(damaged)
        watch.opened.clear()
        started = time.process_time()
        error = _use(config)
        assert time.process_time() - started < PATIENCE, (name, case)
        errors += bool(error)
        assert not [p for p, writing in watch.opened if writing], (name, case)
        outside = [p for p, _ in watch.opened if _leads_to(p, tmp_path, root)]
        assert not outside, (name, case, outside)
        path.write_bytes(contents[path])
    watch.on = False
    assert contents_of(tmp_path) == before
    assert errors > CASES / 5, "the damage does too little"


# In 64 bits the lengths add up to 60 * 80 pixels.
OVERFLOWING = {"size": [60, 80], "counts": [2**63 - 1, 2**63 - 1, 4802]}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"segmentation": OVERFLOWING}, "annotation [0-9]+: .*mask"),
        ({"segmentation": {"size": [True, 4800], "counts": [4800]}}, "annotation [0-9]+: .*size"),
        ({"file_name": "a\ud800.jpg"}, "image [0-9]+: .*file name"),
        ({"file_name": "a\udc80.jpg"}, r"\.jpg: image"),
    ],
)
def test_values_that_once_crashed(tmp_path: Path, change: dict[str, Any], message: str) -> None:
    config = Config(name="fuzz", data=coco(tmp_path))
    (path,) = tmp_path.rglob("*.json")
    document = json.loads(path.read_text())
    entry = document["images" if "file_name" in change else "annotations"][0]
    entry.update(change)
    path.write_text(json.dumps(document))
    assert re.search(message, _use(config))


def _leads_to(path: str, folder: Path, root: Path) -> bool:
    """Whether a path leads to one of the files that must not be opened."""
    if path == "/etc/passwd":
        return True
    resolved = Path(path).resolve() if SECRET in path else root
    return resolved.is_relative_to(folder) and not resolved.is_relative_to(root)


def _use(config: Config) -> str:
    """Read everything, as training and as a checker; the error that training would stop with."""
    problems: list[Problem] = []
    message = ""
    try:
        lenient = build_dataset(config, "train", problems.append)
        _look_at(lenient.index)  # type: ignore[attr-defined]
        dataset = build_dataset(config, "train")
        examples = training_path(dataset, config.data.augmentation, config.data.targets, seed=0)
        for number in range(len(examples)):
            example = examples[0, number]
            if isinstance(example, LoadingFailure):
                raise InputError(example.message)
            assert example.contours.isfinite().all()
    except InputError as error:
        message = str(error)
    assert all(problem.line() for problem in problems)
    return message


def _look_at(index: LabelIndex) -> None:
    """The index is sound, whatever was left out of it."""
    truth = index.ground_truth()
    json.dumps(truth, allow_nan=False)
    assert all(math.isfinite(a["area"]) for a in truth["annotations"])


def damage(data: bytes, suffix: str, rng: np.random.Generator) -> bytes:
    """One kind of damage, chosen at random."""
    kinds: list[Callable[[bytes, np.random.Generator], bytes]] = [flip, cut, remove, repeat]
    if suffix == ".json":
        kinds += [exchange] * 6
    elif suffix in (".txt", ".yaml"):
        kinds += [exchange_word] * 4
    return kinds[int(rng.integers(len(kinds)))](data, rng)


def flip(data: bytes, rng: np.random.Generator) -> bytes:
    values = bytearray(data)
    for _ in range(int(rng.integers(1, 9)) if values else 0):
        values[int(rng.integers(len(values)))] ^= 1 << int(rng.integers(8))
    return bytes(values)


def cut(data: bytes, rng: np.random.Generator) -> bytes:
    return data[: int(rng.integers(len(data) + 1))]


def remove(data: bytes, rng: np.random.Generator) -> bytes:
    start = int(rng.integers(len(data) + 1))
    return data[:start] + data[start + int(rng.integers(1, 40)) :]


def repeat(data: bytes, rng: np.random.Generator) -> bytes:
    start = int(rng.integers(len(data) + 1))
    stop = start + int(rng.integers(1, 40))
    return data[:stop] + data[start:stop] * int(rng.integers(1, 5)) + data[stop:]


_DEEP = "@deep@"
_NASTY: list[Any] = [
    None, True, "", "x", [], {}, [[]], {"a": 1}, [1, 2, 3], [[1, 2], [3, 4]],
    -1, 0, 0.5, 2**31, 2**63, 10**400, -(10**30), 1e308, math.nan, math.inf, "1",
    f"../{SECRET}", f"../../{SECRET}", "/etc/passwd", "C:\\x", "a\0b", "a\nb", "\ud800",
    "x" * 10_000, _DEEP, {"size": [10**9, 10**9], "counts": [1]},
    {"size": [60, 80], "counts": "ÿ"}, {"size": [-1, 5], "counts": []},
]  # fmt: skip
_NASTY_WORDS = [
    "", "x", "-1", "nan", "inf", "1e308", "1e-400", "1" * 5000, "99", "0.5 0.5", "\n", "\0", "é",
    f"../{SECRET}", "/etc", "[" * 5000, "&a [*a, *a]", "!!python/object:os.system",
]  # fmt: skip


def exchange(data: bytes, rng: np.random.Generator) -> bytes:
    """A value anywhere in the document becomes another one, or goes."""
    document = json.loads(data)
    node, key = _somewhere(document, rng)
    if node is None:
        document = _NASTY[int(rng.integers(len(_NASTY)))]
    elif rng.random() < 0.15:
        del node[key]
    else:
        node[key] = _NASTY[int(rng.integers(len(_NASTY)))]
    text = json.dumps(document).replace(f'"{_DEEP}"', "[" * 100_000 + "]" * 100_000)
    return text.encode()


def _somewhere(document: Any, rng: np.random.Generator) -> tuple[Any, Any]:
    """A container in the document and a key of it, by a random walk; None where it is empty."""
    node, key = None, None
    value = document
    while isinstance(value, (dict, list)) and value and (node is None or rng.random() < 0.8):
        keys = list(value) if isinstance(value, dict) else range(len(value))
        node, key = value, keys[int(rng.integers(len(keys)))]
        value = node[key]
    return node, key


def exchange_word(data: bytes, rng: np.random.Generator) -> bytes:
    """A word of a text file becomes another one."""
    words = data.decode().split(" ")
    words[int(rng.integers(len(words)))] = _NASTY_WORDS[int(rng.integers(len(_NASTY_WORDS)))]
    return " ".join(words).encode()
