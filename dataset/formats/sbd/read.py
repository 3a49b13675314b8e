"""SBD, the Semantic Boundaries Dataset (Hariharan et al., ICCV 2011), as its authors release it.

A folder with `img/ID.jpg` and `inst/ID.mat`; the released archive holds it under
`benchmark_RELEASE/dataset`. `cls/ID.mat` (classes by pixel) says nothing that `inst` does not, and
is not read. The archive's own `train.txt` and `val.txt` are not used either: contour papers train
and test on another split, 5,623 and 5,732 images, whose lists come with this package.
"""

from __future__ import annotations

import gzip
from collections.abc import Callable, Sequence
from importlib import resources
from pathlib import Path
from typing import TypeVar

import numpy as np
from tqdm import tqdm

from dataset.checks.problems import LeftOut, Report, Unusable, read_whole, strict
from dataset.formats.format import Format, Split, SplitName
from dataset.formats.image_folder import PATIENCE
from dataset.formats.sbd.matlab_file import read_struct
from dataset.index.builder import IndexBuilder
from dataset.index.label_index import LabelIndex
from dataset.masks.run_lengths import encode_mask
from dataset.masks.tracing import mask_to_contours
from lib.errors import InputError
from lib.images import image_size

T = TypeVar("T")

# PASCAL VOC's order; the category ids are 1 to 20.
CLASSES = (
    "aeroplane", "bicycle", "bird", "boat", "bottle", "bus", "car", "cat", "chair", "cow",
    "diningtable", "dog", "horse", "motorbike", "person", "pottedplant", "sheep", "sofa", "train",
    "tvmonitor",
)  # fmt: skip
# Instances are numbered by a byte.
_IDS_PER_IMAGE = 256
_REMEDY = "unpack the release again"


def split_names(split: SplitName) -> tuple[str, ...]:
    """The names of a split's images ("2008_000008"), ascending."""
    packed = (resources.files("dataset.formats.sbd") / "splits" / f"{split}.txt.gz").read_bytes()
    return tuple(gzip.decompress(packed).decode("ascii").split())


def image_id(name: str) -> int:
    """The number that stands for an image: 2008000008 for "2008_000008"."""
    return int(name.replace("_", ""))


def release_folder(root: str | Path) -> Path:
    """The folder of `img` and `inst`: `root` or, where the archive was unpacked, below it.

    Raises:
        InputError: neither has them.
    """
    for folder in (Path(root), Path(root, "dataset"), Path(root, "benchmark_RELEASE", "dataset")):
        if (folder / "img").is_dir() and (folder / "inst").is_dir():
            return folder
    raise InputError(f"{root}: is no SBD folder (no 'img' and 'inst' in it); give the released one")


def source_files(root: Path, split: SplitName) -> list[Path]:
    """The label file of every image of a split.

    Raises:
        InputError: SBD is not there.
    """
    folder = release_folder(root)
    return [folder / "inst" / f"{name}.mat" for name in split_names(split)]


def read_sbd(
    root: str | Path,
    split: SplitName,
    *,
    names: Sequence[str] | None = None,
    report: Report = strict,
) -> LabelIndex:
    """The images of a split and their instances; image names are relative to `release_folder`/img.

    Every instance keeps its exact mask, beside the outlines of its parts.

    Args:
        root: the folder that `release_folder` understands.
        split: "train" (5,623 images) or "val" (5,732).
        names: read these images ("2008_000008") instead of a split.
        report: told every problem. An image without usable labels is left out.

    Raises:
        InputError: `root` is no SBD folder; or from `report`.
    """
    folder = release_folder(root)
    builder = IndexBuilder(str(folder / "inst"), report, dict(enumerate(CLASSES, start=1)))
    chosen = split_names(split) if names is None else names
    for name in tqdm(chosen, desc="reading labels", unit="image", delay=PATIENCE, leave=False):
        image, labels = folder / "img" / f"{name}.jpg", folder / "inst" / f"{name}.mat"
        size = None
        with builder.reading(image):
            size = _read(image, "image", image_size)
        with builder.reading(labels):
            segmentation, category_ids = _read(labels, "annotation", _read_instances)
            if size is None:
                continue
            if segmentation.shape != size:
                own, its = (f"{width} x {height}" for height, width in (segmentation.shape, size))
                what = f"segmentation is {own} pixels, its image {its}"
                remedy = "use the images and annotations of one release"
                raise Unusable("size mismatch", what, remedy)
            builder.add_image(image_id(name), image.name, width=size[1], height=size[0])
            _add_instances(builder, labels, image_id(name), segmentation, category_ids)
    return builder.finish()


def _read(path: Path, kind: str, reader: Callable[[Path], T]) -> T:
    if not path.is_file():
        raise Unusable(f"missing {kind}", f"{kind} is missing", _REMEDY)
    return read_whole(reader, path, f"unreadable {kind}")


def _read_instances(path: Path) -> tuple[np.ndarray, list[int]]:
    """(H, W) uint8 image of instance numbers, 0 for none, and the category id of number 1, 2, ...

    Raises:
        InputError: the file is unusable.
    """
    fields = read_struct(path, "GTinst", ("Segmentation", "Categories"))
    segmentation, category_ids = fields["Segmentation"], fields["Categories"].ravel()
    if segmentation.ndim != 2 or segmentation.dtype != np.uint8:
        raise InputError(f"{path}: 'Segmentation' is no image of bytes; {_REMEDY}")
    if not (np.isfinite(category_ids) & (category_ids == np.floor(category_ids))).all():
        raise InputError(f"{path}: 'Categories' are no whole numbers; {_REMEDY}")
    return segmentation, [int(value) for value in category_ids]


def _add_instances(
    builder: IndexBuilder,
    file: Path,
    image: int,
    segmentation: np.ndarray,
    category_ids: Sequence[int],
) -> None:
    areas = np.bincount(segmentation.ravel(), minlength=len(category_ids) + 1)
    for number in range(1, len(areas)):
        if number > len(category_ids) and not areas[number]:
            continue
        with builder.reading(file, f"instance {number}"):
            category_id = _category(number, category_ids)
            if not areas[number]:
                what = "has a category but no pixel in 'Segmentation'"
                raise LeftOut("no contour", what)
            mask = segmentation == number
            builder.add(
                id=image * _IDS_PER_IMAGE + number,
                image_id=image,
                category_id=category_id,
                polygons=mask_to_contours(mask),
                runs=encode_mask(mask),
                size=mask.shape,
            )


def _category(number: int, category_ids: Sequence[int]) -> int:
    """Category id of an instance."""
    if number > len(category_ids):
        raise Unusable("unknown category", "has no category in 'Categories'", _REMEDY)
    category_id = category_ids[number - 1]
    if not 1 <= category_id <= len(CLASSES):
        what = f"category {category_id} is not one of 1 to {len(CLASSES)}"
        raise Unusable("unknown category", what, _REMEDY)
    return category_id


def _recognise(path: Path) -> bool:
    places = ("inst", "dataset/inst", "benchmark_RELEASE/dataset/inst")
    return any((path / place).is_dir() for place in places)


SBD = Format(
    name="sbd",
    title="SBD",
    recognise=_recognise,
    splits=lambda root, _: [Split("train", "train", root), Split("val", "val", root)],
    read=lambda split, report: read_sbd(split.labels, split.which, report=report),
    images=lambda split, _: release_folder(split.labels) / "img",
    sources=lambda split: source_files(split.labels, split.which),
    takes_images=False,
    roles=("train", "val"),
)
