"""Small data sets of one's own, in every way that people have them."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from front_doors import coco_folder

from e2ec.app.commands.command_line import parse_config
from e2ec.app.commands.convert import ConvertOptions, convert
from e2ec.config import Config

TINY_CUSTOM = [
    "--device", "cpu", "--model.architecture", "nano", "--data.workers", "0",
    "--data.augmentation.crop-size", "64", "64", "--data.targets.vertices", "16",
    "--train.epochs", "1", "--train.batch-size", "2", "--optim.warmup-steps", "0",
    "--eval.iou-types", "segm", "--eval.max-detections", "5",
]  # fmt: skip


def parsed(*words: object) -> Config:
    """The settings of a command: a preset, and the options behind it."""
    return parse_config(list(map(str, words)), program="train.py", purpose="")


def coco_file(folder: Path, images: int = 10, classes: int = 2) -> Path:
    """One COCO file without a split, of two classes, images beside it."""
    coco_folder(folder, images=images, classes=classes)
    document = json.loads((folder / "instances_train.json").read_text())
    for number, annotation in enumerate(document["annotations"]):
        annotation["category_id"] = 1 + number % classes
    for file in folder.glob("*.json"):
        file.unlink()
    (folder / "mine.json").write_text(json.dumps(document))
    return folder / "mine.json"


def converted(
    folder: Path, kind: str, *, fraction: float | None = None, copy_images: bool = True
) -> Path:
    """The same in another format, without a split or with one."""
    source = coco_file(folder.with_name(f"{folder.name}-source"))
    convert(ConvertOptions(source, kind, folder, val_fraction=fraction, copy_images=copy_images))  # type: ignore[arg-type]
    return folder


def yolo_by_folders(folder: Path, text: str | None) -> Path:
    """images/ and labels/, with a data.yaml of this text, or classes.txt."""
    made = converted(folder.with_name("made"), "yolo")
    for room in ("images", "labels"):
        shutil.copytree(made / room / "train", folder / room)
    name = "classes.txt" if text is None else "data.yaml"
    (folder / name).write_text("class 1\nclass 2\n" if text is None else text)
    return folder


def coco_export(folder: Path) -> Path:
    """train/ and valid/, each with images and a file of one name."""
    made = converted(folder.with_name("made"), "coco", fraction=0.2)
    for split, place in (("train", "train"), ("val", "valid")):
        shutil.copytree(made / "images", folder / place)
        shutil.copy(made / f"instances_{split}.json", folder / place / "_annotations.coco.json")
    return folder


def labelme_without_lists(folder: Path) -> Path:
    """train/ and val/ without lists of classes; no object of class 2 in the second."""
    converted(folder, "labelme", fraction=0.2)
    for path in folder.rglob("classes.json"):
        path.unlink()
    for path in (folder / "val").glob("*.json"):
        path.write_text(path.read_text().replace("class 2", "class 1"))
    return folder
