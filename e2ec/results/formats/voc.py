"""Instance masks as Pascal VOC has them: SegmentationObject, SegmentationClass, with a palette.

Pixels are numbers: 0 is background, 255 stands for nothing in particular, the others count objects,
or classes. Objects cannot overlap. `labelmap.txt` lists the classes with their colours, as CVAT and
Datumaro read and write it.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator

import numpy as np
import PIL.Image

from e2ec.results.formats.item import ImageResult
from e2ec.results.formats.notes import Notes
from e2ec.results.formats.options import FormatOptions
from e2ec.results.instances import Instances
from e2ec.results.masks import exact_mask
from lib.errors import InputError

# 0 and 255 have a meaning of their own.
_MOST = 254


def voc_files(
    items: Iterable[ImageResult], options: FormatOptions, notes: Notes
) -> Iterator[tuple[str, bytes]]:
    """`SegmentationObject/NAME.png` and `SegmentationClass/NAME.png` for every image,
    `labelmap.txt`, and `ImageSets/Segmentation/default.txt` with the names of the images.

    Where objects overlap the one of the higher score is seen, of equal ones the smaller. Crowd
    regions, and objects of which nothing can be seen, are left out. More than 254 objects do not
    fit 8 bits: they are written as 16 bit grey, without a palette, by the same numbers.

    Raises:
        InputError: there are more than 254 classes, or more than 65535 objects in an image.
    """
    names: tuple[str, ...] = ()
    stems = []
    for item in items:
        names = item.contours.class_names
        if len(names) > _MOST:
            raise InputError(f"{item.name}: more than {_MOST} classes do not fit Pascal VOC")
        objects, classes = number_images(item, notes)
        stems.append(item.stem)
        yield f"SegmentationObject/{item.stem}.png", _png(objects, item.name)
        yield f"SegmentationClass/{item.stem}.png", _png(classes, item.name)
    colors = voc_palette()
    lines = ["# label:color_rgb:parts:actions", "background:0,0,0::"]
    for number, name in enumerate(names, start=1):
        red, green, blue = colors[number]
        lines.append(f"{_one_field(name)}:{red},{green},{blue}::")
    yield "labelmap.txt", ("\n".join(lines) + "\n").encode()
    yield "ImageSets/Segmentation/default.txt", "".join(f"{stem}\n" for stem in stems).encode()


def number_images(item: ImageResult, notes: Notes) -> tuple[np.ndarray, np.ndarray]:
    """(height, width) int64 each: the number of the object in every pixel, and of its class, both
    from 1; 0 is background."""
    contours = item.contours
    crowd = np.array([item.is_crowd(i) for i in range(len(contours))], bool)
    if crowd.any():
        notes.left_out["crowd regions"] += int(crowd.sum())
    painted = np.full((contours.height, contours.width), -1)
    for index in _from_behind(contours):
        if not crowd[index]:
            painted[exact_mask(contours, index)] = index
    seen = np.unique(painted[painted >= 0])
    hidden = len(contours) - int(crowd.sum()) - len(seen)
    if hidden:
        notes.left_out["objects of which no pixel can be seen"] += hidden
    number = np.zeros(len(contours) + 1, np.int64)  # the last is the background
    number[seen] = np.arange(1, len(seen) + 1)
    classes = np.append(contours.labels + 1, 0)
    return number[painted], classes[painted]


def _from_behind(contours: Instances) -> list[int]:
    """The order in which instances are painted: by score, then the larger ones first."""
    return np.lexsort((-contours.areas(), contours.scores)).tolist()


def voc_palette() -> np.ndarray:
    """(256, 3) uint8 RGB: the colours of Pascal VOC.

    The bits of a number are dealt out to red, green and blue in turn, the highest place first.
    """
    number = np.arange(256)[:, None]
    bits = number >> np.arange(8) & 1  # lowest first
    colors = np.zeros((256, 3), np.uint8)
    for bit in range(8):
        colors[:, bit % 3] |= (bits[:, bit] << (7 - bit // 3)).astype(np.uint8)
    return colors


def _png(numbers: np.ndarray, name: str) -> bytes:
    highest = int(numbers.max())
    if highest > np.iinfo(np.uint16).max:
        raise InputError(f"{name}: more objects than fit 16 bits; write COCO")
    if highest > _MOST:
        image = PIL.Image.fromarray(numbers.astype(np.uint16))
    else:
        image = PIL.Image.fromarray(numbers.astype(np.uint8))
        image.putpalette(voc_palette().ravel().tolist())
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()


def _one_field(name: str) -> str:
    """A name without what ends a field or a line of `labelmap.txt`."""
    return " ".join(name.replace(":", " ").replace("#", " ").split()) or "?"
