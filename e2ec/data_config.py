"""The settings of the data: where it lies, how it is read, augmented and shown."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from dataset.contour.target_settings import TargetSettings
from dataset.transforms.augmentation_settings import AugmentationSettings
from dataset.transforms.test_transform import TestView

LabelFormat = Literal[
    "coco", "sbd", "kins", "cityscapes", "yolo", "labelme", "masks", "cvat", "voc"
]
"""Formats of labels on disk, as `dataset.formats` knows them."""
Format = Literal["auto", LabelFormat, "synthetic"]
ConversionTarget = Literal[
    "coco",
    "yolo",
    "labelme",
    "masks",
    "cvat",
    "voc",
    "geojson",
    "qupath",
    "imagej",
    "svg",
    "csv",
    "geoparquet",
]
"""Formats that `e2ec.convert` writes."""
Split = Literal["train", "val", "test"]


def require(condition: bool, message: str) -> None:
    """Raise ValueError with the message where the condition does not hold."""
    if not condition:
        raise ValueError(message)


@dataclass(frozen=True)
class DataConfig:
    """Where images and labels are, and how they are read."""

    format: Format = "coco"
    """How the data lies on disk (docs/data.md, docs/formats.md); auto looks at the files there,
    synthetic is generated."""
    root: Path = Path("data")
    """The folder of the data set; the paths below start from it. SBD, Cityscapes and YOLO need no
    further paths, and no format does if no annotations are named: the root may then be a label
    file too."""
    train_images: Path | None = Path("train2017")
    """Folder of the training images; not needed where the labels say it."""
    train_annotations: Path | None = Path("annotations/instances_train2017.json")
    """Labels of the training images: a file (coco, kins) or a folder (labelme, masks)."""
    val_images: Path | None = Path("val2017")
    """Folder of the validation images."""
    val_annotations: Path | None = Path("annotations/instances_val2017.json")
    """Labels of the validation images."""
    val_fraction: float | None = None
    """Validate on this share of the training images, chosen by train.seed, and train on the rest.
    None takes a fifth, if no annotations are named and the data has no validation split."""
    test_images: Path | None = None
    """Folder of the test images."""
    test_annotations: Path | None = None
    """Labels, or the list, of the test images."""
    masks: Literal["amodal", "visible"] = "amodal"
    """Which of KINS' two masks."""
    labels: Literal["instance_ids", "polygons"] = "instance_ids"
    """Which of Cityscapes' two kinds of label files."""
    train_limit: int | None = None
    """Use only the first images of the training set."""
    val_limit: int | None = None
    """Use only the first images of the validation set."""
    image_ids: tuple[int, ...] | None = None
    """Use only these images, in training and in validation."""
    synthetic_train: int = 1000
    """Number of generated training images."""
    synthetic_val: int = 100
    """Number of generated validation images."""
    synthetic_occluders: bool = False
    """Put bars in front of the generated objects, which divide many of them into parts."""
    workers: int = 2
    """Loader processes per training process."""
    targets: TargetSettings = field(default_factory=TargetSettings)
    """How labels become targets."""
    augmentation: AugmentationSettings = field(default_factory=AugmentationSettings)
    """How training images are cropped and coloured."""
    view: TestView = field(default_factory=TestView)
    """How an image is shown to the network at test time."""

    def __post_init__(self) -> None:
        require(self.workers >= 0, "data.workers must be 0 or more")
        for name in ("train_limit", "val_limit"):
            limit = getattr(self, name)
            require(limit is None or limit > 0, f"data.{name} must be positive")
        fraction = self.val_fraction
        require(fraction is None or 0 < fraction < 1, "data.val_fraction must lie in (0, 1)")
        amodal = self.format == "kins" and self.masks == "amodal"
        require(
            not (amodal and self.augmentation.copy_paste_probability > 0)
            or not self.augmentation.copy_paste_cuts,
            "data.augmentation.copy_paste_cuts must be off for amodal masks (data.masks), which go "
            "on behind what covers them",
        )
        for name in ("synthetic_train", "synthetic_val"):
            require(getattr(self, name) > 0, f"data.{name} must be positive")
