"""Labels to the formats that results are written in, and back from those that are labels."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from label_scenes import CATEGORIES, assert_same_objects, masks_by_image, write_scene

from dataset.formats.detect import detect_format, format_named
from dataset.index.label_index import LabelIndex
from dataset.masks.rasterize import annotation_mask
from e2ec.app.commands.convert import ConvertOptions, convert
from e2ec.convert.source import open_source
from lib.errors import InputError


def converted(source: Path, kind: str, out: Path, **options: object) -> LabelIndex:
    convert(ConvertOptions(source, kind, out, copy_images=True, **options))  # type: ignore[arg-type]
    path = out / "annotations.json" if kind == "coco" else out
    assert detect_format(path).name == kind
    return open_source(path, format_named(kind), "train").index


def original(source: Path) -> LabelIndex:
    return open_source(source, format_named("coco"), "train").index


def test_cvat_there_and_back(tmp_path: Path) -> None:
    """Parts, holes, overlaps, crowd regions, and an object that leaves its image."""
    source = write_scene(tmp_path / "source")
    index = converted(source, "cvat", tmp_path / "cvat")
    assert list(index.categories.values()) == list(CATEGORIES.values())
    for crowd in (False, True):
        wanted = masks_by_image(original(source), crowd=crowd)
        assert_same_objects(wanted, masks_by_image(index, crowd=crowd))
    back = converted(tmp_path / "cvat", "coco", tmp_path / "coco")
    assert_same_objects(masks_by_image(original(source)), masks_by_image(back))
    # Polygons without holes are the very same.
    assert [a.polygons[0].tolist() for a in back.annotations(0) if a.runs is None] == [
        a.polygons[0].tolist() for a in original(source).annotations(0) if a.runs is None
    ]


def test_voc_there_and_back(tmp_path: Path) -> None:
    """What can be seen: of equal scores the smaller objects lie in front."""
    source = write_scene(tmp_path / "source")
    index = converted(source, "voc", tmp_path / "voc")
    seen: dict[str, list[tuple[str, np.ndarray]]] = {}
    first = original(source)
    for position in range(len(first)):
        image = first.image(position)
        found = [a for a in first.annotations(position) if not a.crowd]
        objects = [
            [a.area, first.categories[a.category_id], annotation_mask(a, image.height, image.width)]
            for a in found
        ]
        objects.sort(key=lambda entry: -entry[0])
        for place, entry in enumerate(objects):
            for _, _, above in objects[place + 1 :]:
                entry[2] = entry[2] & ~above
        seen[Path(image.name).name] = [(name, m) for _, name, m in objects if m.any()]
    assert_same_objects(seen, masks_by_image(index))
    assert list(index.categories.values()) == list(CATEGORIES.values())


@pytest.mark.parametrize("kind", ["coco", "yolo", "labelme", "masks", "cvat", "voc"])
def test_options_hold_for_labels(tmp_path: Path, kind: str) -> None:
    """The largest part alone, without holes: no object has several parts or a hole any more."""
    document = {
        "images": [{"id": 1, "file_name": "two.png", "height": 48, "width": 64}],
        "categories": [{"id": 1, "name": "x"}],
        "annotations": [
            {
                "id": 1, "image_id": 1, "category_id": 1,
                "segmentation": {"size": [48, 64], "counts": _runs()},
            },
        ],
    }  # fmt: skip
    write_scene(tmp_path / "source")
    source = tmp_path / "source" / "labels.json"
    source.write_text(json.dumps(document))
    index = converted(source, kind, tmp_path / "out", keep="largest", holes=False)
    (annotation,) = index.annotations(0)
    mask = np.zeros((48, 64), bool)
    mask[4:20, 4:20] = True
    assert (annotation_mask(annotation, 48, 64) == mask).all()
    if kind in ("coco", "cvat"):
        assert annotation.runs is None and annotation.area == 256


def _runs() -> list[int]:
    """A frame with a hole, and a smaller part."""
    from dataset.masks.run_lengths import encode_mask

    mask = np.zeros((48, 64), bool)
    mask[4:20, 4:20] = True
    mask[8:12, 8:12] = False
    mask[30:40, 30:40] = True
    return [int(length) for length in encode_mask(mask)]


def test_rounding_and_mending_are_said(tmp_path: Path) -> None:
    source = write_scene(tmp_path / "source")
    index = converted(source, "coco", tmp_path / "coco", decimals=0)
    points = [p for i in range(len(index)) for a in index.annotations(i) for p in a.polygons]
    assert all((p == np.round(p)).all() for p in points)
    line = convert(ConvertOptions(source, "coco", tmp_path / "valid", valid=True))
    assert "outlines crossed themselves or overlapped and were mended" in line


def test_measurements_of_labels(tmp_path: Path) -> None:
    """The intensity is that of the images; without them it is left out."""
    source = write_scene(tmp_path / "source")
    convert(ConvertOptions(source, "csv", tmp_path / "csv", pixel_size=0.25))
    with (tmp_path / "csv" / "measurements.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert {row["image"] for row in rows} == {"street/one.png", "two.png"}
    ring = next(row for row in rows if row["class"] == "person" and row["image"] == "two.png")
    assert float(ring["area_um2"]) == float(ring["area"]) / 16
    assert 100 < float(ring["intensity_mean-0"]) < 155  # noise from 0 to 255
    assert [row["crowd"] for row in rows].count("1") == 1


def test_what_has_no_splits_says_so(tmp_path: Path) -> None:
    source = write_scene(tmp_path / "source")
    with pytest.raises(InputError, match="svg has no splits; leave out --val-fraction"):
        convert(ConvertOptions(source, "svg", tmp_path / "out", val_fraction=0.5))
