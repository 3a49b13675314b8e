"""Reading files of every format back, by the library that owns the format where there is one.

A reader takes the folder that was written and the images, and gives the objects of every image:
class names and masks. What a library gives as points is filled as everywhere here
(`dataset.masks.rasterize`), so that what is compared is what the file says, and not how a library
draws.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import PIL.Image
import yaml
from pycocotools.coco import COCO
from shapely.geometry import shape

from dataset.formats.cvat import read_cvat
from dataset.masks.rasterize import annotation_mask, components_to_mask, polygons_to_mask
from e2ec.results.formats.item import ImageResult
from e2ec.results.formats.native import read_document
from e2ec.results.postprocess.valid_polygons import polygon_rings
from lib.files import read_json, read_text

Objects = list[tuple[str, np.ndarray]]
Reader = Callable[[Path, Sequence[ImageResult]], Iterator[Objects]]


def _native(folder: Path, items: Sequence[ImageResult]) -> Iterator[Objects]:
    for contours in read_document(read_json(folder / "contours.json")):
        names = [instance.class_name for instance in contours]
        yield list(zip(names, contours.to_masks() > 0, strict=True))


def _native_each(folder: Path, items: Sequence[ImageResult]) -> Iterator[Objects]:
    for item in items:
        (contours,) = read_document(read_json(folder / f"{item.stem}.json"))
        names = [instance.class_name for instance in contours]
        yield list(zip(names, contours.to_masks() > 0, strict=True))


def _coco(folder: Path, items: Sequence[ImageResult]) -> Iterator[Objects]:
    with contextlib.redirect_stdout(None):  # it says what it does
        labels = COCO(str(folder / "annotations.json"))
    return _coco_objects(labels, items)


def _coco_results(folder: Path, items: Sequence[ImageResult]) -> Iterator[Objects]:
    labels = COCO()
    first = items[0].contours
    labels.dataset = {
        "info": {},
        "images": [
            {"id": i.image_id, "height": i.contours.height, "width": i.contours.width}
            for i in items
        ],
        "categories": [
            {"id": key, "name": name}
            for key, name in zip(first.category_ids, first.class_names, strict=True)
        ],
        "annotations": [],
    }
    with contextlib.redirect_stdout(None):
        labels.createIndex()
        results = labels.loadRes(str(folder / "results.json"))
    return _coco_objects(results, items)


def _coco_objects(coco: Any, items: Sequence[ImageResult]) -> Iterator[Objects]:
    for item in items:
        found = coco.loadAnns(coco.getAnnIds(imgIds=[item.image_id]))
        yield [(coco.cats[a["category_id"]]["name"], coco.annToMask(a) > 0) for a in found]


def _yolo(folder: Path, items: Sequence[ImageResult]) -> Iterator[Objects]:
    """From the format's description: a class and a polygon a line, as shares of the size."""
    names = yaml.safe_load(read_text(folder / "data.yaml"))["names"]
    for item in items:
        height, width = item.contours.height, item.contours.width
        objects: Objects = []
        for line in read_text(folder / "labels" / f"{item.stem}.txt").splitlines():
            number, *shares = line.split()
            polygon = np.array(shares, np.float64).reshape(-1, 2) * (width, height)
            objects.append((names[int(number)], polygons_to_mask([polygon], height, width)))
        yield objects


def _labelme(folder: Path, items: Sequence[ImageResult]) -> Iterator[Objects]:
    """By labelme's own loader, which reads the image too; shapes of one group are one object."""
    from labelme._label_file import read_label_file
    from loguru import logger

    logger.disable("labelme")
    for item in items:
        height, width = item.contours.height, item.contours.width
        found: dict[Any, tuple[str, np.ndarray]] = {}
        for place, entry in enumerate(read_label_file(str(folder / f"{item.stem}.json")).shapes):
            points = np.array(entry["points"])
            if entry["mask"] is None:
                mask = polygons_to_mask([points], height, width)
            else:
                mask = np.zeros((height, width), bool)
                (x0, y0), (x1, y1) = points.astype(int).tolist()
                mask[y0 : y1 + 1, x0 : x1 + 1] = entry["mask"]
            group = ("alone", place) if entry["group_id"] is None else entry["group_id"]
            _, before = found.get(group, ("", np.zeros((height, width), bool)))
            found[group] = (entry["label"], before | mask)
        yield list(found.values())


def _masks(folder: Path, items: Sequence[ImageResult]) -> Iterator[Objects]:
    names = read_json(folder / "masks" / "classes.json")
    for item in items:
        objects: Objects = []
        for path in sorted((folder / "masks").glob(f"{item.stem}*.png")):
            pixels = np.asarray(PIL.Image.open(path)).astype(np.int64)
            numbers = pixels if pixels.ndim == 2 else pixels @ (1, 256, 65536)
            for value in np.unique(numbers[numbers > 0]).tolist():
                number = value // 1000 or value
                objects.append((names[str(number)], numbers == value))
        yield objects


def _voc(folder: Path, items: Sequence[ImageResult]) -> Iterator[Objects]:
    lines = read_text(folder / "labelmap.txt").splitlines()
    names = [line.split(":")[0] for line in lines if not line.startswith("#")]
    for item in items:
        numbers, kinds = (
            np.asarray(PIL.Image.open(folder / kind / f"{item.stem}.png"))
            for kind in ("SegmentationObject", "SegmentationClass")
        )
        masks = [numbers == value for value in np.unique(numbers[numbers > 0])]
        yield [(names[int(np.bincount(kinds[mask]).argmax())], mask) for mask in masks]


def _cvat(folder: Path, items: Sequence[ImageResult]) -> Iterator[Objects]:
    index = read_cvat(folder / "annotations.xml")
    for place in range(len(index)):
        image = index.image(place)
        yield [
            (index.categories[a.category_id], annotation_mask(a, image.height, image.width))
            for a in index.annotations(place)
        ]


def _geojson(folder: Path, items: Sequence[ImageResult]) -> Iterator[Objects]:
    for item in items:
        features = read_json(folder / f"{item.stem}.geojson")["features"]
        yield [(f["properties"]["class"], _filled(shape(f["geometry"]), item)) for f in features]


def _qupath(folder: Path, items: Sequence[ImageResult]) -> Iterator[Objects]:
    """By qubalab, which QuPath's authors wrote."""
    import geojson
    from qubalab.objects.image_feature import ImageFeature

    for item in items:
        collection = geojson.loads(read_text(folder / f"{item.stem}.geojson"))
        features = [ImageFeature.create_from_feature(f) for f in collection["features"]]
        yield [(f.classification.names[0], _filled(shape(f["geometry"]), item)) for f in features]


def _geoparquet(folder: Path, items: Sequence[ImageResult]) -> Iterator[Objects]:
    import geopandas

    frame = geopandas.read_parquet(folder / "contours.parquet")
    for item in items:
        own = frame[frame["image_id"] == item.image_id]
        shapes = zip(own["class"], own.geometry, strict=True)
        yield [(name, _filled(geometry, item)) for name, geometry in shapes]


def _imagej(folder: Path, items: Sequence[ImageResult]) -> Iterator[Objects]:
    import roifile

    for item in items:
        # Without regions the file holds nothing, which roifile does not open.
        read = roifile.roiread(folder / f"{item.stem}.zip") if len(item.contours) else []
        rois = read if isinstance(read, list) else [read]
        yield [
            (r.name.split("-")[1], _even_odd([*map(_as_written, r.coordinates(multi=True))], item))
            for r in rois
        ]


def _as_written(ring: np.ndarray) -> np.ndarray:
    """32 bit floats as the decimal numbers that were written: COCO's tools round to fifths of a
    pixel, and 0.3 does not lie on the same side of such a place in 32 and in 64 bits."""
    return np.round(ring.astype(np.float64), 2)


def _svg(folder: Path, items: Sequence[ImageResult]) -> Iterator[Objects]:
    """Paths by svgelements."""
    import svgelements

    space = "{http://www.w3.org/2000/svg}"
    for item in items:
        objects: Objects = []
        for group in ElementTree.parse(folder / f"{item.stem}.svg").getroot().iter(f"{space}g"):
            mask = np.zeros((item.contours.height, item.contours.width), bool)
            for path in group.iter(f"{space}path"):
                subpaths = svgelements.Path(path.get("d")).as_subpaths()
                rings = [np.array([[p.end.x, p.end.y] for p in subpath]) for subpath in subpaths]
                mask |= _even_odd(rings, item)
            objects.append((group.get("data-class", ""), mask))
        yield objects


def _filled(geometry: Any, item: ImageResult) -> np.ndarray:
    rings = polygon_rings(geometry)
    return components_to_mask(rings, item.contours.height, item.contours.width)


def _even_odd(rings: Sequence[np.ndarray], item: ImageResult) -> np.ndarray:
    mask = np.zeros((item.contours.height, item.contours.width), bool)
    for ring in rings:
        mask ^= polygons_to_mask([ring.astype(np.float64)], *mask.shape)
    return mask


READERS: dict[str, tuple[str, Reader]] = {
    "json": ("this project", _native_each),
    "contours": ("this project", _native),
    "coco": ("pycocotools", _coco),
    "coco-results": ("pycocotools", _coco_results),
    "yolo": ("from its description", _yolo),
    "labelme": ("labelme", _labelme),
    "masks": ("Pillow", _masks),
    "voc": ("Pillow", _voc),
    "cvat": ("this project, and its schema", _cvat),
    "geojson": ("shapely", _geojson),
    "qupath": ("qubalab, and its schema", _qupath),
    "imagej": ("roifile", _imagej),
    "svg": ("svgelements", _svg),
    "geoparquet": ("geopandas", _geoparquet),
}
"""By the names of the catalogue: who reads, and how. Measurements (csv) hold no outlines."""
