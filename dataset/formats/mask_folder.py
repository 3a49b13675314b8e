"""Labels as a folder of masks: an image of object numbers beside every image.

    images/a.jpg    masks/a.png    masks/a.1.png, masks/a.2.png, ...    masks/classes.json

0 is background, every other number one object. Objects that overlap cannot share an image of
numbers: further layers (`a.1.png`) hold the rest. With a list of classes in the folder of masks the
numbers are those of Cityscapes: class * 1000 + index, and a bare class is a crowd region. Without,
all objects are of one class, "object".
"""

from __future__ import annotations

from collections.abc import Container, Iterator
from pathlib import Path, PurePosixPath

import numpy as np

from dataset.checks.problems import LeftOut, Report, Unusable, read_whole, strict
from dataset.formats.class_list import read_class_list
from dataset.formats.format import Format, Split
from dataset.formats.image_folder import add_images, image_names
from dataset.formats.json_files import json_files
from dataset.formats.split_folders import (
    folder_files,
    folder_images,
    images_of_split,
    split_folders,
)
from dataset.index.builder import IndexBuilder
from dataset.index.label_index import LabelIndex
from dataset.masks.id_image import read_ids
from dataset.masks.run_lengths import encode_mask
from lib.errors import InputError

# Objects of class c have the numbers c * CLASS_STEP to c * CLASS_STEP + CLASS_STEP - 1.
CLASS_STEP = 1000


def read_mask_folder(
    images: str | Path, masks: str | Path, *, report: Report = strict
) -> LabelIndex:
    """Read the masks of a folder of images; file names are relative to `images`.

    Images without a mask have no objects. An object may have several parts and holes.

    Args:
        images: folder of the images, with or without folders inside.
        masks: folder of the masks, with the same folders inside.
        report: told every problem.

    Raises:
        InputError: a folder is missing, or the list of classes is unusable.
    """
    images, masks = Path(images), Path(masks)
    if not masks.is_dir():
        raise InputError(f"{masks}: folder of masks not found; give the folder of the masks")
    classes = read_class_list(masks)
    builder = IndexBuilder(str(masks), report, classes or {1: "object"})
    names = [name for name in image_names(images) if not (images / name).is_relative_to(masks)]
    stems = {stem(name): name for name in names}
    unused = set(image_names(masks))
    # Some tools write suffixes in capitals, which are sorted before small letters.
    files = {f"{stem(name)}.png": name for name in sorted(unused) if _is_png(name)}
    for key, name, height, width in add_images(builder, images, names):
        with builder.reading(images / name):
            if stems[stem(name)] != name:
                what = f"has the same mask as {stems[stem(name)]}"
                raise Unusable("file name", what, "give one of the images another name")
            for layer in layer_names(name, stems):
                if layer not in files:
                    break
                unused.discard(files[layer])
                path = masks / files[layer]
                with builder.reading(path):
                    _read_layer(builder, path, key, (height, width), classes)
    for name in sorted(unused):
        with builder.reading(masks / name):
            if _is_png(name):
                raise LeftOut("mask without image", "belongs to no image")
            raise LeftOut("mask not PNG", "is no PNG image", "save it as PNG")
    return builder.finish()


def _is_png(name: str) -> bool:
    return name.lower().endswith(".png")


def _read_layer(
    builder: IndexBuilder,
    path: Path,
    image_id: int,
    size: tuple[int, int],
    classes: dict[int, str] | None,
) -> None:
    """Add the objects of a mask; `size` is the (height, width) of its image.

    Raises:
        Unusable: the file is unreadable, or of another size.
    """
    numbers = read_whole(read_ids, path, "unreadable mask")
    if numbers.shape != size:
        what = f"is {numbers.shape[1]} x {numbers.shape[0]} pixels, its image {size[1]} x {size[0]}"
        raise Unusable("mask size", what, "make both of one size")
    for value in np.unique(numbers).tolist():
        if value == 0:
            continue
        with builder.reading(path, f"object {value}"):
            category, crowd = _class_of(value, classes)
            builder.add(
                id=None,
                image_id=image_id,
                category_id=category,
                crowd=crowd,
                runs=encode_mask(numbers == value),
                size=size,
            )


def _class_of(value: int, classes: dict[int, str] | None) -> tuple[int, bool]:
    """Category id of an object's number, and whether it is a crowd region."""
    if classes is None:
        return 1, False
    crowd = value < CLASS_STEP
    category = value if crowd else value // CLASS_STEP
    if category not in classes:
        what = f"class {category} is not in the list of classes"
        remedy = f"write class * {CLASS_STEP} + index, or add the class"
        raise Unusable("unknown category", what, remedy)
    return category, crowd


def stem(name: str) -> str:
    """The name of an image, folders included, without its suffix."""
    return PurePosixPath(name).with_suffix("").as_posix()


def layer_names(name: str, stems: Container[str]) -> Iterator[str]:
    """Names of the masks of an image, layer by layer, without end.

    Names that are the first layer of another image (`a.1.jpg` beside `a.jpg`) are passed over.
    """
    yield f"{stem(name)}.png"
    number = 0
    while True:
        number += 1
        if f"{stem(name)}.{number}" not in stems:
            yield f"{stem(name)}.{number}.png"


def _recognise(path: Path) -> bool:
    places = (path / "masks", path / "train" / "masks")
    return any(place.is_dir() for place in places) or any((path / "labels").rglob("*.png"))


def _splits(path: Path, images: Path | None) -> Iterator[Split]:
    folders = split_folders(path, ".png")
    if "train" in folders and (folders["train"] / "masks").is_dir():
        for name, folder in folders.items():
            yield Split(name, name, folder / "masks", folder / "images")
        return
    places = [path / name for name in ("masks", "labels") if (path / name).is_dir()]
    masks = places[0] if places else path
    folders = split_folders(masks, ".png")
    for name, folder in folders.items():
        near = path / "images" / folder.name
        yield Split(name, name, folder, images_of_split(images, folder.name) or near)
    if not folders:
        yield Split(path.name, None, masks, images or path / "images")


MASKS = Format(
    name="masks",
    title="instance masks",
    recognise=_recognise,
    splits=_splits,
    read=lambda split, report: read_mask_folder(folder_images(split), split.labels, report=report),
    images=lambda split, _: folder_images(split),
    sources=folder_files,
    labels="folder",
    image_folder="images",
    is_labels=lambda path: any(path.rglob("*.png")) and not any(json_files(path)),
)
