"""Instance masks as Pascal VOC has them.

    JPEGImages/a.jpg    SegmentationObject/a.png    SegmentationClass/a.png    labelmap.txt
    ImageSets/Segmentation/train.txt, val.txt

Pixels are numbers, as the palette of the PNG has them: 0 is background, 255 the border between
objects and what nobody looked at. Masks without a palette are known by their colours, as CVAT and
Datumaro write them. Without `labelmap.txt` the classes are the twenty of Pascal VOC.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from dataset.checks.problems import LeftOut, Report, Unusable, read_whole, strict
from dataset.formats.format import Format, Split, SplitName
from dataset.formats.image_folder import add_images, image_names
from dataset.formats.mask_folder import stem
from dataset.index.builder import IndexBuilder
from dataset.index.label_index import LabelIndex
from dataset.masks.id_image import read_ids
from dataset.masks.run_lengths import encode_mask
from lib.errors import InputError
from lib.files import read_text
from lib.image_header import open_header

OBJECTS, CLASSES, IMAGES = "SegmentationObject", "SegmentationClass", "JPEGImages"
LISTS, LABELMAP = "ImageSets/Segmentation", "labelmap.txt"
_NAMES = (
    "aeroplane", "bicycle", "bird", "boat", "bottle", "bus", "car", "cat", "chair", "cow",
    "diningtable", "dog", "horse", "motorbike", "person", "pottedplant", "sheep", "sofa", "train",
    "tvmonitor",
)  # fmt: skip
_VOID = 255
_VOID_COLOR = (224, 224, 192)

_Color = tuple[int, int, int]
_Classes = dict[int, tuple[str, _Color | None]]


def read_voc(
    root: str | Path,
    images: str | Path | None = None,
    *,
    names: Path | None = None,
    report: Report = strict,
) -> LabelIndex:
    """Read the objects of a data set; file names are relative to the folder of images.

    An object is all pixels of one number in `SegmentationObject`, its class that of most of them in
    `SegmentationClass`. Images without masks are not in the index.

    Args:
        root: the folder that holds the others.
        images: the folder of the images; None takes `JPEGImages`.
        names: file that lists the images of a split, without suffix; None takes all with masks.
        report: told every problem.

    Raises:
        InputError: a folder or a list is missing or unusable.
    """
    root = Path(root)
    folder = root / IMAGES if images is None else Path(images)
    classes = _classes(root)
    builder = IndexBuilder(str(root), report, {n: name for n, (name, _) in classes.items()})
    found = {stem(name): name for name in image_names(folder)}
    masks = sorted(stem(name) for name in image_names(root / OBJECTS))
    wanted = masks if names is None else _listed(names)
    for name in wanted:
        if name not in found:
            with builder.reading(root / OBJECTS / f"{name}.png"):
                raise LeftOut("mask without image", f"belongs to no image in {folder}")
    paths = [found[name] for name in wanted if name in found]
    for key, name, height, width in add_images(builder, folder, paths):
        with builder.reading(root / OBJECTS / f"{stem(name)}.png"):
            _read_masks(builder, root, stem(name), key, (height, width), classes)
    return builder.finish()


def _classes(root: Path) -> _Classes:
    """Name and colour by number: the lines of `labelmap.txt`, background being 0.

    Raises:
        InputError: it is unusable.
    """
    path = root / LABELMAP
    if not path.is_file():
        return {number: (name, None) for number, name in enumerate(_NAMES, start=1)}
    found: _Classes = {}
    lines = [line.strip() for line in read_text(path).splitlines()]
    for line in (line for line in lines if line and not line.startswith("#")):
        name, _, rest = line.partition(":")
        text = rest.partition(":")[0]
        color: _Color | None = None
        if text:
            try:
                red, green, blue = (int(value) for value in text.split(","))
            except ValueError as error:
                what = f"{line!r:.80} must be name:red,green,blue::"
                raise InputError(f"{path}: {what}; correct it") from error
            color = (red, green, blue)
        if name.lower() != "background":
            found[len(found) + 1] = (name, color)
    if not found:
        raise InputError(f"{path}: lists no class; write a line name:red,green,blue:: for each")
    return found


def _read_masks(
    builder: IndexBuilder, root: Path, name: str, key: int, size: tuple[int, int], classes: _Classes
) -> None:
    """Add the objects of an image of (height, width).

    Raises:
        Unusable: a mask is unreadable, or of another size.
    """
    objects, kinds = root / OBJECTS / f"{name}.png", root / CLASSES / f"{name}.png"
    numbers, _ = _numbers(objects, size)
    labels, colored = _numbers(kinds, size)
    known = {number: number for number in classes}
    if colored:
        known = {_code(color): n for n, (_, color) in classes.items() if color is not None}
    for value in np.unique(numbers[numbers > 0]).tolist():
        mask = numbers == value
        with builder.reading(objects, f"object {value}"):
            inside, counts = np.unique(labels[mask & (labels > 0)], return_counts=True)
            category = known.get(int(inside[counts.argmax()])) if len(inside) else None
            if category is None:
                what = f"has no known class in {kinds}"
                raise Unusable("unknown category", what, f"correct it, or {LABELMAP}")
            runs = encode_mask(mask)
            builder.add(id=None, image_id=key, category_id=category, runs=runs, size=size)


def _numbers(path: Path, size: tuple[int, int]) -> tuple[np.ndarray, bool]:
    """(H, W) int64: the number in every pixel, 0 for none; whether numbers stand for colours.

    Raises:
        Unusable: the file is unreadable, or of another size.
    """
    numbers = read_whole(read_ids, path, "unreadable mask")
    if numbers.shape != size:
        what = f"is {numbers.shape[1]} x {numbers.shape[0]} pixels, its image {size[1]} x {size[0]}"
        raise Unusable("mask size", what, "make both of one size", file=str(path))
    with open_header(path, remedy="write it as PNG again") as image:
        mode = image.mode
    colored = mode in ("RGB", "RGBA")
    if colored:
        return np.where(numbers == _code(_VOID_COLOR), 0, numbers), True
    # 16 bits hold more numbers, none of which is special.
    return np.where((numbers == _VOID) & (mode in ("L", "P")), 0, numbers), False


def _code(color: _Color) -> int:
    """A colour as `read_ids` gives it."""
    return color[0] + 256 * color[1] + 65536 * color[2]


def _listed(path: Path) -> list[str]:
    """The names of a list: the first word of every line."""
    lines = (line.split() for line in read_text(path).splitlines())
    return list(dict.fromkeys(words[0] for words in lines if words))


def _recognise(path: Path) -> bool:
    return (path / OBJECTS).is_dir() and (path / CLASSES).is_dir()


def _splits(path: Path, images: Path | None) -> Iterator[Split]:
    roles: tuple[SplitName, ...] = ("train", "val", "test")
    lists = [name for name in roles if (path / LISTS / f"{name}.txt").is_file()]
    for name in lists:
        yield Split(name, name, path, images)
    if "train" not in lists and "val" not in lists:
        yield Split(path.name, None, path, images)


def _list_of(split: Split) -> Path | None:
    return split.labels / LISTS / f"{split.role}.txt" if split.role is not None else None


def _sources(split: Split) -> list[Path]:
    """All masks and lists, and every image, whose size is part of the labels."""
    root = split.labels
    folders = (OBJECTS, CLASSES, LISTS)
    found = [p for name in folders for p in sorted((root / name).rglob("*")) if p.is_file()]
    images = split.images or root / IMAGES
    found += [images / name for name in image_names(images)] if images.is_dir() else []
    return found + ([root / LABELMAP] if (root / LABELMAP).is_file() else [])


VOC = Format(
    name="voc",
    title="Pascal VOC masks",
    recognise=_recognise,
    splits=_splits,
    read=lambda split, report: read_voc(
        split.labels, split.images, names=_list_of(split), report=report
    ),
    images=lambda split, _: split.images or split.labels / IMAGES,
    sources=_sources,
    labels="folder",
    image_folder=IMAGES,
)
