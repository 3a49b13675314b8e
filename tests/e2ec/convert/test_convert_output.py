"""Where a conversion writes, and where it does not."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from front_doors import assert_one_line_error, call
from label_scenes import IMAGES, box, files, write_scene

from dataset.formats.coco.read import read_coco
from dataset.formats.labelme.read import read_labelme
from dataset.formats.mask_folder import read_mask_folder
from dataset.formats.yolo.read import read_yolo
from e2ec.app.commands.convert import ConvertOptions, convert
from lib.errors import InputError


def test_a_folder_that_holds_something(tmp_path: Path) -> None:
    source = write_scene(tmp_path / "source")
    out = tmp_path / "out"
    out.mkdir()
    (out / "mine.txt").write_text("keep")
    with pytest.raises(InputError, match="not empty"):
        convert(ConvertOptions(source, "coco", out))
    convert(ConvertOptions(source, "coco", out, overwrite=True))
    assert (out / "mine.txt").read_text() == "keep"
    assert len(read_coco(out / "annotations.json")) == 3


@pytest.mark.parametrize("name", ["source", "source/images", "source/images/new", "."])
def test_the_source_is_never_written_to(tmp_path: Path, name: str) -> None:
    source = write_scene(tmp_path / "source")
    before = files(tmp_path)
    with pytest.raises(InputError, match="overlaps with the source"):
        convert(ConvertOptions(source, "labelme", tmp_path / name, overwrite=True))
    assert files(tmp_path) == before


def test_a_link_in_an_old_folder_does_not_lead_into_the_source(tmp_path: Path) -> None:
    source = write_scene(tmp_path / "source")
    before = files(tmp_path / "source")
    (tmp_path / "out").mkdir()
    (tmp_path / "out/images").symlink_to(tmp_path / "source/images")
    with pytest.raises(InputError, match="leads out"):
        convert(ConvertOptions(source, "coco", tmp_path / "out", copy_images=True, overwrite=True))
    assert files(tmp_path / "source") == before


def test_a_failure_leaves_nothing(tmp_path: Path) -> None:
    """An image is missing: neither the folder nor a half of it is there."""
    source = write_scene(tmp_path / "source")
    (tmp_path / "source/images/two.png").unlink()
    with pytest.raises(InputError, match=r"two\.png: image not found"):
        convert(ConvertOptions(source, "yolo", tmp_path / "out"))
    assert os.listdir(tmp_path) == ["source"]


def test_a_file_where_the_folder_should_be(tmp_path: Path) -> None:
    source = write_scene(tmp_path / "source")
    (tmp_path / "out").write_text("")
    with pytest.raises(InputError, match="is a file"):
        convert(ConvertOptions(source, "coco", tmp_path / "out"))


@pytest.mark.parametrize(
    ("kind", "old", "new", "message"),
    [
        ("yolo", "nothing.png", "two.jpg", "rename one of the images"),
        ("labelme", "nothing.png", "two.jpg", "rename one of the images"),
        ("masks", "nothing.png", "two.jpg", "rename one of the images"),
        ("geojson", "nothing.png", "two.jpg", "rename one of the images"),
        ("labelme", "traffic light", "person", "share a name"),
    ],
)
def test_names_that_would_be_shared(
    tmp_path: Path, kind: Any, old: str, new: str, message: str
) -> None:
    source = write_scene(tmp_path / "source")
    source.write_text(source.read_text().replace(old, new))
    with pytest.raises(InputError, match=message):
        convert(ConvertOptions(source, kind, tmp_path / "out"))


def test_the_place_of_the_images_is_asked_for_where_it_is_needed(tmp_path: Path) -> None:
    source = write_scene(tmp_path / "source")
    (tmp_path / "source/images").rename(tmp_path / "elsewhere")
    convert(ConvertOptions(source, "masks", tmp_path / "masks"))
    with pytest.raises(InputError, match="--images"):
        convert(ConvertOptions(source, "yolo", tmp_path / "yolo"))
    convert(ConvertOptions(source, "yolo", tmp_path / "yolo", images=tmp_path / "elsewhere"))
    assert len(read_yolo(tmp_path / "yolo")) == len(IMAGES)


def scene_of(folder: Path, objects: int, names: dict[int, str] = IMAGES) -> Path:
    """The images `names` of the scene, with so many overlapping squares on two.png."""
    source = write_scene(folder)
    document = json.loads(source.read_text())
    document["images"] = [image for image in document["images"] if image["id"] in names]
    document["annotations"] = [
        {"id": n, "image_id": 12, "category_id": 2, "segmentation": [box(1, 1, 20 + n, 20)]}
        for n in range(objects)
    ]
    source.write_text(json.dumps(document))
    return source


@pytest.mark.parametrize("kind", ["yolo", "labelme", "masks", "coco"])
def test_overwriting_brings_no_old_objects_back(tmp_path: Path, kind: str) -> None:
    out = tmp_path / "out"
    for objects in (3, 1):
        source = scene_of(tmp_path / str(objects), objects)
        options = ConvertOptions(source, kind, out, copy_images=True, overwrite=True)  # type: ignore[arg-type]
        convert(options)
        index = {
            "yolo": lambda: read_yolo(out),
            "labelme": lambda: read_labelme(out),
            "masks": lambda: read_mask_folder(out / "images", out / "masks"),
            "coco": lambda: read_coco(out / "annotations.json"),
        }[kind]()
        assert index.annotation_count() == objects


def test_only_layers_of_the_same_image_are_removed(tmp_path: Path) -> None:
    """two.2.png is not a layer where an image is called so, and layers end at a gap."""
    out = tmp_path / "out"
    convert(ConvertOptions(scene_of(tmp_path / "a", 3), "masks", out, copy_images=True))
    names = sorted(path.name for path in (out / "masks").glob("two*"))
    assert names == ["two.1.png", "two.2.png", "two.png"]
    (out / "images/two.2.jpg").write_bytes(b"another image")
    before = files(out)
    again = ConvertOptions(scene_of(tmp_path / "b", 1), "masks", out, overwrite=True)
    with pytest.raises(InputError, match=r"masks/two\.2\.png"):
        convert(again)
    assert files(out) == before
    (out / "images/two.2.jpg").unlink()
    (out / "masks/mine.txt").write_text("keep")
    convert(again)
    assert sorted(path.name for path in (out / "masks").glob("two*")) == ["two.png"]
    assert (out / "masks/mine.txt").read_text() == "keep"


@pytest.mark.parametrize("kind", ["yolo", "labelme", "masks"])
def test_labels_of_other_images_are_not_mixed_with_new_ones(tmp_path: Path, kind: str) -> None:
    """The first conversion has one.png besides; it would be read with those of the second."""
    out = tmp_path / "out"
    convert(ConvertOptions(scene_of(tmp_path / "a", 2), kind, out, copy_images=True))  # type: ignore[arg-type]
    before = files(out)
    fewer = scene_of(tmp_path / "b", 1, {12: "two.png"})
    with pytest.raises(InputError, match=r"street/one.*write to another folder"):
        convert(ConvertOptions(fewer, kind, out, overwrite=True))  # type: ignore[arg-type]
    assert files(out) == before
    assert sorted(os.listdir(tmp_path)) == ["a", "b", "out"]


def test_yolo_names_the_parts_that_are_there(tmp_path: Path) -> None:
    source, out = write_scene(tmp_path / "source"), tmp_path / "out"
    line = convert(ConvertOptions(source, "yolo", out))
    # Ultralytics reads no data.yaml without both.
    assert (out / "data.yaml").read_text().startswith("train: images/train\nval: images/train\n")
    assert "data.yaml names the train images as val too" in line
    line = convert(ConvertOptions(source, "yolo", out, split="val", overwrite=True))
    text = (out / "data.yaml").read_text()
    assert text.startswith("train: images/train\nval: images/val\nnames:")
    assert "too" not in line
    out = tmp_path / "validation alone"
    convert(ConvertOptions(source, "yolo", out, split="val"))
    assert (out / "data.yaml").read_text().startswith("train: images/val\nval: images/val\n")
    assert len(read_yolo(out, "val")) == 3


@pytest.mark.parametrize("kind", ["labelme", "masks", "coco"])
def test_parts_and_the_whole_are_not_mixed(tmp_path: Path, kind: str) -> None:
    """Where a folder would be read as something else than was converted last, nothing is done.

    YOLO's splits may be written one by one, so the whole may be its training split.
    """
    source = write_scene(tmp_path / "source")
    whole = ConvertOptions(source, kind, tmp_path / "out", copy_images=True, overwrite=True)  # type: ignore[arg-type]
    divided = replace(whole, val_fraction=0.3)
    convert(divided)
    convert(divided)
    before = files(tmp_path / "out")
    with pytest.raises(InputError, match="write to another folder"):
        convert(whole)
    assert files(tmp_path / "out") == before


def test_fewer_overlaps_leave_no_layers_in_the_parts(tmp_path: Path) -> None:
    out = tmp_path / "out"
    for objects in (3, 1):
        source = scene_of(tmp_path / str(objects), objects)
        options = ConvertOptions(source, "masks", out, overwrite=True, val_fraction=0.3)
        convert(options)
    assert len(list(out.rglob("two*.png"))) == 2  # the image and one mask


def test_what_cannot_be_divided(tmp_path: Path) -> None:
    source = write_scene(tmp_path / "source")
    with pytest.raises(InputError, match="GeoJSON has no splits"):
        convert(ConvertOptions(source, "geojson", tmp_path / "out", val_fraction=0.2))
    options = ["convert", "--source", source, "--to", "yolo", "--out", tmp_path / "out"]
    for wrong in (["0"], ["1.5"], ["nan"], ["0.2", "--split", "val"], ["0.2", "--seed", "-1"]):
        ending = call("e2ec/__main__.py", *options, "--val-fraction", *wrong)
        assert ending.status == 2 and "Traceback" not in ending.err, ending
    assert not (tmp_path / "out").exists()


def test_images_on_another_drive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As `os.path.relpath` has it on Windows."""
    source = write_scene(tmp_path / "source")

    def relpath(path: str, start: str) -> str:
        raise ValueError("path is on mount 'D:', start on mount 'C:'")

    monkeypatch.setattr("e2ec.convert.to_labelme.os.path.relpath", relpath)
    with pytest.raises(InputError, match="--copy-images"):
        convert(ConvertOptions(source, "labelme", tmp_path / "out"))
    convert(ConvertOptions(source, "labelme", tmp_path / "out", copy_images=True))


def test_from_the_command_line(tmp_path: Path) -> None:
    """One line on success; one line and status 1 for bad input."""
    source, out = write_scene(tmp_path / "source"), tmp_path / "out"
    command = ["e2ec/__main__.py", "convert", "--source", source, "--to", "labelme", "--out", out]
    ending = call(*command)
    line = f"{out}: 3 images, 8 objects, 3 classes (coco to labelme)\n"
    assert (ending.status, ending.err) == (0, "")
    assert ending.out.startswith(f"{line}the images stay in {tmp_path / 'source/images'}")
    ending = call(*command)
    assert_one_line_error(ending, "not empty")
    assert ending.out == ""
