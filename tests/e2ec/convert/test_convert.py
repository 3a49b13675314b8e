"""Conversion between label formats: nothing is lost, nothing of the source is touched."""

from __future__ import annotations

import itertools
import json
import ntpath
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import cityscapes_tree
import kins_tree
import numpy as np
import PIL.Image
import pytest
import sbd_tree
from label_scenes import (
    CATEGORIES,
    HEIGHT,
    IMAGES,
    WIDTH,
    Objects,
    assert_same_objects,
    files,
    masks_by_image,
    ring_mask,
    run_length,
    write_scene,
)
from pycocotools.coco import COCO

from dataset.formats.detect import detect_format, format_named
from dataset.index.dataset import IndexedDataset
from dataset.index.label_index import LabelIndex
from dataset.masks.rasterize import components_to_mask
from e2ec.app.commands.convert import ConvertOptions, convert
from e2ec.convert.job import Job
from e2ec.convert.source import Source, open_source
from lib.errors import InputError

FORMATS = ("coco", "yolo", "labelme", "masks")


def labels(folder: Path, kind: str) -> Path:
    """What is converted next: COCO is known by its file."""
    return folder / "annotations.json" if kind == "coco" else folder


def opened(folder: Path, kind: str, images: Path | None = None) -> Source:
    path = labels(folder, kind)
    assert detect_format(path).name == kind
    return open_source(path, format_named(kind), "train", images)


def original(path: Path) -> LabelIndex:
    return open_source(path, format_named("coco"), "train").index


@pytest.mark.parametrize(("first", "second"), list(itertools.permutations(FORMATS, 2)))
def test_there_and_back_gives_the_same_masks(tmp_path: Path, first: str, second: str) -> None:
    """Parts, holes, overlaps, id gaps, an empty image, an object leaving its image: IoU >= 0.99."""
    source = write_scene(tmp_path / "source")
    before = files(tmp_path / "source")
    path, steps = source, (first, second, first)
    for number, kind in enumerate(steps):
        out = tmp_path / str(number)
        convert(ConvertOptions(path, kind, out, copy_images=True))  # type: ignore[arg-type]
        path = labels(out, kind)
        index = opened(out, kind).index
        assert_same_objects(masks_by_image(original(source)), masks_by_image(index))
        assert index.categories == CATEGORIES
        if "yolo" not in steps[: number + 1]:
            crowds = masks_by_image(original(source), crowd=True)
            assert_same_objects(crowds, masks_by_image(index, crowd=True))
    assert files(tmp_path / "source") == before


@pytest.mark.parametrize("kind", FORMATS)
def test_without_copies_the_images_are_found(tmp_path: Path, kind: str) -> None:
    """Every image and its labels are read from where the images were."""
    source = write_scene(tmp_path / "source")
    convert(ConvertOptions(source, kind, tmp_path / "out"))  # type: ignore[arg-type]
    images = None if kind == "yolo" else tmp_path / "source/images"
    result = opened(tmp_path / "out", kind, images)
    assert result.images is not None
    data = IndexedDataset(result.images, result.index)
    if kind == "yolo":
        data = IndexedDataset(tmp_path / "out", result.index)
    names = sorted(Path(data[i].name).name for i in range(3))
    assert names == ["nothing.png", "one.png", "two.png"]
    assert sum(len(data[i].instances) for i in range(3)) == 7


@pytest.mark.parametrize("kind", ["labelme", "coco"])
def test_polygons_keep_every_digit(tmp_path: Path, kind: str) -> None:
    source = write_scene(tmp_path / "source")
    convert(ConvertOptions(source, kind, tmp_path / "out", copy_images=True))  # type: ignore[arg-type]

    def polygons(index: LabelIndex) -> list[Any]:
        found = [a for i in range(len(index)) for a in index.annotations(i)]
        found = [a for a in found if a.runs is None and not a.crowd]
        return sorted([p.tolist() for p in a.polygons] for a in found)

    assert polygons(opened(tmp_path / "out", kind).index) == polygons(original(source))


def test_names_have_forward_slashes_on_windows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`os.path` of Windows would put backslashes between folders."""
    convert(ConvertOptions(write_scene(tmp_path / "source"), "yolo", tmp_path / "out"))
    windows = SimpleNamespace(path=ntpath)
    monkeypatch.setattr("e2ec.convert.source.os", windows, raising=False)
    source = open_source(tmp_path / "out", format_named("yolo"), "train")
    assert sorted(source.names) == sorted(IMAGES.values())
    assert source.images == tmp_path / "out" / "images" / "train"


def test_parts_stay_parts_in_yolo(tmp_path: Path) -> None:
    source = write_scene(tmp_path / "source")
    convert(ConvertOptions(source, "yolo", tmp_path / "out"))
    index = opened(tmp_path / "out", "yolo").index
    counts = sorted(len(a.polygons) for i in range(len(index)) for a in index.annotations(i))
    # a frame (with an island, and a pixel at its corner) twice; three, two and one part
    assert counts == [1, 1, 1, 2, 2, 2, 3]


def test_pycocotools_reads_the_coco_file(tmp_path: Path) -> None:
    """With the same masks as ours, crowd region and ids included."""
    source = write_scene(tmp_path / "source")
    convert(ConvertOptions(source, "masks", tmp_path / "masks", copy_images=True))
    convert(ConvertOptions(tmp_path / "masks", "coco", tmp_path / "out"))
    coco = COCO(str(tmp_path / "out/annotations.json"))
    found: dict[str, Objects] = {}
    for image in coco.loadImgs(coco.getImgIds()):
        entries = coco.loadAnns(coco.getAnnIds(image["id"], iscrowd=False))
        found[Path(image["file_name"]).name] = [
            (CATEGORIES[entry["category_id"]], coco.annToMask(entry).astype(bool))
            for entry in entries
        ]
    assert_same_objects(masks_by_image(original(source)), found)
    assert len(coco.getAnnIds(iscrowd=True)) == 1


def test_geojson_has_holes_as_interior_rings(tmp_path: Path) -> None:
    """The rings, filled, give the masks; every part of the scene is there."""
    source = write_scene(tmp_path / "source")
    convert(ConvertOptions(source, "geojson", tmp_path / "out"))
    document = json.loads((tmp_path / "out/two.geojson").read_text())
    assert document["image"] == {"source": "two.png", "width": WIDTH, "height": HEIGHT}
    found: Objects = []
    for feature in document["features"]:
        geometry = feature["geometry"]
        polygons = geometry["coordinates"]
        if geometry["type"] == "Polygon":
            polygons = [polygons]
        rings = [[np.array(ring[:-1]) for ring in polygon] for polygon in polygons]
        assert all(ring[0] == ring[-1] for polygon in polygons for ring in polygon)
        mask = components_to_mask([(outer, holes) for outer, *holes in rings], HEIGHT, WIDTH)
        if "crowd" not in feature["properties"]:
            found.append((feature["properties"]["class"], mask))
            assert CATEGORIES[feature["properties"]["category_id"]] == found[-1][0]
    expected = {"two.png": masks_by_image(original(source))["two.png"]}
    assert_same_objects(expected, {"two.png": found})
    assert json.loads((tmp_path / "out/nothing.geojson").read_text())["features"] == []


def test_what_a_format_cannot_hold_is_counted(tmp_path: Path) -> None:
    source = write_scene(tmp_path / "source")
    document = json.loads(source.read_text())
    speck = {"id": 50, "image_id": 11, "category_id": 2}
    document["annotations"] += [
        {**speck, "segmentation": [[3.1, 3.1, 3.2, 3.1, 3.2, 3.2]]},
        {**speck, "id": 51, "segmentation": [[100, 3, 120, 3, 110, 9]]},
        {**speck, "id": 52, "segmentation": [[1, 1, 2, 2]]},
    ]
    source.write_text(json.dumps(document))
    line = convert(ConvertOptions(source, "yolo", tmp_path / "yolo"))
    assert "3 images, 8 objects, 3 classes (coco to yolo); left out: " in line
    assert "1 crowd regions" in line and "1 objects without any area in the image" in line
    assert "unusable items in the source were left out" in line and "annotation 52" in line
    line = convert(ConvertOptions(source, "masks", tmp_path / "masks"))
    assert "8 objects" in line and "2 objects that cover no pixel" in line


def test_an_object_without_an_outline_is_counted(tmp_path: Path) -> None:
    source = open_source(write_scene(tmp_path / "source"), format_named("coco"), "train")
    job = Job(source, tmp_path, tmp_path, "train", False)
    (full,) = job.outlined(source.index.annotations(1)[:1])
    nothing = replace(full, runs=np.array([HEIGHT * WIDTH]), polygons=[], crowd=True)
    assert job.outlined([nothing, full]) == [full]
    assert job.left_out == {"objects without an outline": 1}


def test_splits_go_into_one_yolo_folder(tmp_path: Path) -> None:
    """The second with --overwrite; other classes are refused."""
    source = write_scene(tmp_path / "source")
    out = tmp_path / "out"
    convert(ConvertOptions(source, "yolo", out))
    convert(ConvertOptions(source, "yolo", out, split="val", overwrite=True))
    for split in ("train", "val"):
        assert len(open_source(out, format_named("yolo"), split).index) == 3  # type: ignore[arg-type]
    document = json.loads(source.read_text())
    document["categories"].append({"id": 91, "name": "new"})
    source.write_text(json.dumps(document))
    with pytest.raises(InputError, match=r"data\.yaml: has other classes"):
        convert(ConvertOptions(source, "yolo", out, split="test", overwrite=True))


def test_many_classes_and_objects_in_masks(tmp_path: Path) -> None:
    """Ids that do not fit are numbered anew; more than 1,000 objects of a class need a layer."""
    boxes = [[[x, y, x + 1, y, x + 1, y + 1, x, y + 1]] for y in range(40) for x in range(60)]
    document = {
        "images": [{"id": 1, "file_name": "two.png", "height": HEIGHT, "width": WIDTH}],
        "categories": [{"id": 0, "name": "zero"}, {"id": 10**6, "name": "million"}],
        "annotations": [
            {"id": n, "image_id": 1, "category_id": 10**6 * (n % 2), "segmentation": box}
            for n, box in enumerate(boxes)
        ],
    }
    source = write_scene(tmp_path / "source")
    source.write_text(json.dumps(document))
    convert(ConvertOptions(source, "masks", tmp_path / "out"))
    index = opened(tmp_path / "out", "masks", tmp_path / "source/images").index
    assert index.categories == {1: "zero", 2: "million"}
    assert index.annotation_count() == 2400
    assert {p.name for p in (tmp_path / "out/masks").glob("*.png")} == {"two.png", "two.1.png"}


@pytest.mark.parametrize("release", ["sbd", "kins", "cityscapes"])
def test_released_data_sets_are_converted(
    tmp_path: Path, release: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    images = None
    if release == "sbd":
        monkeypatch.setattr("dataset.formats.sbd.read.split_names", lambda split: sbd_tree.NAMES)
        path = sbd_tree.write_sbd(tmp_path / "source")
    elif release == "kins":
        images, path = kins_tree.write_kins(tmp_path / "source", 2020)
    else:
        path = cityscapes_tree.write_tree(tmp_path / "source")
    source = open_source(path, format_named(release), "val", images)
    assert source.index.annotation_count() > 0
    options = ConvertOptions(
        path, "masks", tmp_path / "out", images=images, split="val", copy_images=True
    )
    convert(options)
    index = opened(tmp_path / "out", "masks").index
    assert_same_objects(masks_by_image(source.index), masks_by_image(index))


def test_a_folder_of_several_annotation_files(tmp_path: Path) -> None:
    """The one of the split is taken."""
    source = write_scene(tmp_path / "source")
    for split in ("train", "val"):
        source.with_name(f"instances_{split}2017.json").write_text(source.read_text())
    source.unlink()
    line = convert(ConvertOptions(tmp_path / "source", "masks", tmp_path / "out", split="val"))
    assert "3 images" in line
    with pytest.raises(InputError, match="give the file itself"):
        convert(ConvertOptions(tmp_path / "source", "masks", tmp_path / "no", split="test"))


def test_labels_are_needed(tmp_path: Path) -> None:
    path = tmp_path / "image_info.json"
    path.write_text('{"images": [], "categories": [{"id": 1, "name": "a"}], "annotations": []}')
    with pytest.raises(InputError, match="no labelled images"):
        convert(ConvertOptions(path, "masks", tmp_path / "out"))


def test_a_mask_shape_is_what_labelme_writes(tmp_path: Path) -> None:
    """Points are the first and the last pixel; the object of the scene fills 10..50 x 5..40."""
    source = write_scene(tmp_path / "source")
    document = json.loads(source.read_text())
    document["annotations"] = [
        {"id": 1, "image_id": 12, "category_id": 2, "segmentation": run_length(ring_mask())}
    ]
    source.write_text(json.dumps(document))
    convert(ConvertOptions(source, "labelme", tmp_path / "out"))
    (shape,) = json.loads((tmp_path / "out/two.json").read_text())["shapes"]
    assert (shape["shape_type"], shape["points"]) == ("mask", [[10, 5], [50, 40]])


@pytest.mark.parametrize("kind", ["yolo", "labelme", "masks"])
def test_rotated_photographs(tmp_path: Path, kind: str) -> None:
    """Stored lying on their side, labelled upright: sizes are those after the EXIF rotation."""
    source = write_scene(tmp_path / "source")
    source.write_text(source.read_text().replace(".png", ".jpg"))
    exif = PIL.Image.Exif()
    exif[0x0112] = 6
    for name in IMAGES.values():
        path = (tmp_path / "source/images" / name).with_suffix(".jpg")
        PIL.Image.new("RGB", (HEIGHT, WIDTH)).save(path, exif=exif)
    convert(ConvertOptions(source, kind, tmp_path / "out", copy_images=True))  # type: ignore[arg-type]
    index = opened(tmp_path / "out", kind).index
    assert_same_objects(masks_by_image(original(source)), masks_by_image(index))
