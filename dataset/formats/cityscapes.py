"""Cityscapes as its website hands it out: leftImg8bit and gtFine, Cordts et al., CVPR 2016.

The folder holds {leftImg8bit,gtFine}/{train,val,test}/CITY/. An instance comes from the image of
instance ids, where occluders have cut what they cover out of it, possibly into several parts.
The polygons that these images were made from give the same by painting them over each other.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
from cityscapesscripts.helpers import labels as official
from PIL import Image, ImageDraw
from scipy import ndimage

from dataset.checks.problems import LeftOut, Report, Unusable, read_whole, strict
from dataset.formats.format import Format, Split, SplitName
from dataset.formats.image_folder import add_images
from dataset.index.builder import IndexBuilder
from dataset.index.inputs import given_points
from dataset.index.label_index import LabelIndex
from dataset.masks.run_lengths import encode_mask
from dataset.masks.tracing import mask_to_contours
from lib.files import read_json
from lib.polygons.geometry import clip_far

Source = Literal["instance_ids", "polygons"]

# The classes that are detected and evaluated: person, rider, car ... by official id.
CATEGORIES = {x.id: x.name for x in official.labels if x.hasInstances and not x.ignoreInEval}
# An id from here on is class * 1000 + index, an instance; a smaller one is the class itself.
FIRST_INSTANCE = 1000

_IMAGE_ENDING = "_leftImg8bit.png"
_LABEL_ENDINGS = {
    "instance_ids": "_gtFine_instanceIds.png",
    "polygons": "_gtFine_polygons.json",
}
# Grey PNG images of 8 and 16 bits; older versions of Pillow say "I" for the latter.
_GREY = ("L", "I;16", "I")
# The kind of problem of a label file that cannot be used at all.
_KIND = "unusable labels"


def image_folder(root: str | Path, split: SplitName) -> Path:
    """The folder that image names such as "aachen/aachen_000000_000019_leftImg8bit.png" lie in."""
    return Path(root) / "leftImg8bit" / split


def label_path(root: str | Path, split: SplitName, name: str, source: Source) -> Path:
    """The label file of the image `name`, which is relative to the image folder."""
    stem = name.removesuffix(_IMAGE_ENDING)
    return Path(root) / "gtFine" / split / f"{stem}{_LABEL_ENDINGS[source]}"


def source_files(root: str | Path, split: SplitName, labels: Source = "instance_ids") -> list[Path]:
    """Every file that `read_cityscapes` looks at, existing or not: what a cache depends on."""
    folder = image_folder(root, split)
    names = _image_names(folder)
    found = [] if split == "test" else [label_path(root, split, name, labels) for name in names]
    return [folder / name for name in names] + found


def read_cityscapes(
    root: str | Path,
    split: SplitName,
    *,
    labels: Source = "instance_ids",
    report: Report = strict,
) -> LabelIndex:
    """The images and instances of a split.

    Image ids are positions in the sorted list of images, from 1. An annotation's id is its image's
    id * 100000 + its instance id; a group of objects (a bare class id, or a label such as
    "cargroup") becomes a crowd region. All classes but the eight of `CATEGORIES` are not labelled:
    caravans and trailers, which have instances too, are not evaluated.

    Args:
        root: the folder of leftImg8bit and gtFine.
        split: "test" has public images alone, and gives an index without labels.
        labels: read the images of instance ids, or paint the polygons as the official tools do.
        report: told every problem. An image whose labels are unusable stays without any.

    Raises:
        InputError: from `strict`, where a file is missing or unusable.
    """
    folder = image_folder(root, split)
    builder = IndexBuilder(str(root), report, CATEGORIES)
    names = _image_names(folder)
    if not names:
        with builder.reading(folder):
            what = f"no images CITY/*{_IMAGE_ENDING}"
            raise Unusable("no images", what, "give the folder of leftImg8bit")
    for image_id, name, height, width in add_images(builder, folder, names):
        if split != "test":
            path = label_path(root, split, name, labels)
            with builder.reading(path):
                if not path.is_file():
                    raise Unusable("missing labels", "not found", "add the file")
                if labels == "polygons":
                    ids = _paint_polygons(builder, path, height, width)
                else:
                    ids = _read_ids(path, height, width)
                _add_instances(builder, image_id, ids, path)
    if split != "test":
        _report_missing_images(builder, Path(root), split, names, labels)
    return builder.finish(labelled=split != "test")


def _image_names(folder: Path) -> list[str]:
    """Names of all images, relative to the folder, with forward slashes, sorted."""
    return sorted(
        path.relative_to(folder).as_posix() for path in folder.glob(f"*/*{_IMAGE_ENDING}")
    )


def _report_missing_images(
    builder: IndexBuilder, root: Path, split: SplitName, names: list[str], source: Source
) -> None:
    expected = {label_path(root, split, name, source) for name in names}
    for path in sorted((root / "gtFine" / split).glob(f"*/*{_LABEL_ENDINGS[source]}")):
        if path not in expected:
            stem = path.name.removesuffix(_LABEL_ENDINGS[source])
            image = image_folder(root, split) / path.parent.name / f"{stem}{_IMAGE_ENDING}"
            with builder.reading(image):
                remedy = f"add it or remove {path.name}"
                raise Unusable("missing image", "image not found", remedy)


def _read_ids(path: Path, height: int, width: int) -> np.ndarray:
    """The instance ids of a label image, (H, W)."""
    try:
        with Image.open(path, formats=["PNG"]) as image:
            mode, size = image.mode, image.size
            if mode in _GREY and size == (width, height):
                return np.asarray(image)
    except MemoryError:
        raise
    except Exception as error:  # a damaged file makes Pillow raise almost anything
        raise Unusable(_KIND, "image cannot be decoded", "replace the file") from error
    if mode not in _GREY:
        raise Unusable(_KIND, "not a grey image of 16 bits", "use the original file")
    raise _wrong_size(size, height, width)


def _wrong_size(size: tuple[Any, Any], height: int, width: int) -> Unusable:
    labels = f"labels of {size[0]!r:.20} x {size[1]!r:.20} pixels"
    what = f"{labels} for an image of {width} x {height}"
    return Unusable(_KIND, what, "use the image that was labelled")


def _add_instances(builder: IndexBuilder, image_id: int, ids: np.ndarray, path: Path) -> None:
    """Add everything in an (H, W) image of instance ids that belongs to `CATEGORIES`."""
    for instance_id, box in enumerate(ndimage.find_objects(ids), start=1):
        if box is None:
            continue
        crowd = instance_id < FIRST_INSTANCE
        category_id = instance_id if crowd else instance_id // FIRST_INSTANCE
        with builder.reading(path, f"id {instance_id}"):
            if category_id not in official.id2label:
                raise LeftOut("unknown category", f"Cityscapes has no class {category_id}")
            if category_id not in CATEGORIES:
                continue
            rows, columns = box
            mask = ids[box] == instance_id
            corner = np.array([columns.start, rows.start])
            builder.add(
                id=image_id * 100_000 + instance_id,
                image_id=image_id,
                category_id=category_id,
                crowd=crowd,
                polygons=[] if crowd else [points + corner for points in mask_to_contours(mask)],
                runs=_runs(ids[:, columns] == instance_id, columns.start, ids.shape[1]),
                size=(ids.shape[0], ids.shape[1]),
            )


def _runs(columns: np.ndarray, left: int, width: int) -> np.ndarray:
    """Run lengths of a mask of which only the (H, w) columns from `left` on hold anything."""
    height = len(columns)
    runs = encode_mask(columns)
    runs[0] += left * height
    rest = (width - left - columns.shape[1]) * height
    if len(runs) % 2:
        runs[-1] += rest
        return runs
    return np.append(runs, rest) if rest else runs


def _paint_polygons(builder: IndexBuilder, path: Path, height: int, width: int) -> np.ndarray:
    """The instance ids that the official tools draw from a file of polygons, (H, W) int32.

    Drawn by the same function of the same library as in `json2instanceImg` of cityscapesscripts.
    """
    document = read_whole(read_json, path, _KIND)
    objects = document.get("objects") if isinstance(document, dict) else None
    if not isinstance(objects, list):
        raise Unusable(_KIND, "has no list 'objects'", "use the original file")
    size = document.get("imgWidth"), document.get("imgHeight")
    if size != (width, height):
        raise _wrong_size(size, height, width)
    image = Image.new("I", (width, height), official.name2label["unlabeled"].id)
    drawer = ImageDraw.Draw(image)
    seen: Counter[str] = Counter()
    for number, entry in enumerate(objects):
        with builder.reading(path, f"object {number}"):
            if not isinstance(entry, dict):
                raise LeftOut("bad object", "not an object with 'label' and 'polygon'")
            if entry.get("deleted"):
                continue
            instance_id = _official_id(entry.get("label"), seen)
            points = clip_far(_points(entry.get("polygon")), width, height)
            if instance_id >= 0:
                drawer.polygon(points.ravel().tolist(), fill=instance_id)
    return np.asarray(image)


def _official_id(label: Any, seen: Counter[str]) -> int:
    """The id an object is painted with, -1 for none; `seen` counts the instances by class."""
    name = label if isinstance(label, str) else ""
    group = name not in official.name2label and name.endswith("group")
    name = name.removesuffix("group") if group else name
    if name not in official.name2label:
        raise LeftOut("unknown category", f"Cityscapes has no label {label!r:.40}")
    class_id = official.name2label[name].id
    if group or not official.name2label[name].hasInstances:
        return class_id
    index = seen[name]
    seen[name] += 1
    if index >= FIRST_INSTANCE:
        raise LeftOut("too many instances", f"more than {FIRST_INSTANCE} of {name}")
    return class_id * FIRST_INSTANCE + index


def _points(polygon: Any) -> np.ndarray:
    """A polygon [[x, y], ...] as (n, 2) float64."""
    points = given_points(polygon)
    if points is None:
        raise LeftOut("bad polygon", "'polygon' is not a list of [x, y]")
    if len(points) < 3:
        raise LeftOut("few points", f"the polygon has {len(points)} points")
    if not np.isfinite(points).all():
        raise LeftOut("bad number", "the polygon holds NaN, infinity or a number out of range")
    return points


def _splits(root: Path, _: Path | None) -> list[Split]:
    names: tuple[SplitName, ...] = get_args(SplitName)
    return [Split(n, n, root) for n in names if any(image_folder(root, n).glob("*/*"))]


CITYSCAPES = Format(
    name="cityscapes",
    title="Cityscapes",
    recognise=lambda path: (path / "gtFine").is_dir(),
    splits=_splits,
    read=lambda split, report: read_cityscapes(
        split.labels, split.which, report=report, **split.settings
    ),
    images=lambda split, _: image_folder(split.labels, split.which),
    sources=lambda split: source_files(split.labels, split.which, **split.settings),
    takes_images=False,
    settings=("labels",),
)
