"""Where a conversion writes, and where it does not."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from label_scenes import IMAGES, files, write_scene

from dataset.coco_format import read_coco
from dataset.yolo import read_yolo
from e2ec.app.convert import ConvertOptions, convert
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


def test_images_that_would_share_a_label_file(tmp_path: Path) -> None:
    source = write_scene(tmp_path / "source")
    source.write_text(source.read_text().replace("nothing.png", "two.jpg"))
    for kind in ("yolo", "labelme", "masks", "geojson"):
        with pytest.raises(InputError, match="rename one of the images"):
            convert(ConvertOptions(source, kind, tmp_path / kind))  # type: ignore[arg-type]


def test_categories_that_share_a_name(tmp_path: Path) -> None:
    source = write_scene(tmp_path / "source")
    source.write_text(source.read_text().replace("traffic light", "person"))
    with pytest.raises(InputError, match="share a name"):
        convert(ConvertOptions(source, "labelme", tmp_path / "out"))


def test_the_place_of_the_images_is_asked_for_where_it_is_needed(tmp_path: Path) -> None:
    source = write_scene(tmp_path / "source")
    (tmp_path / "source/images").rename(tmp_path / "elsewhere")
    convert(ConvertOptions(source, "masks", tmp_path / "masks"))
    with pytest.raises(InputError, match="--images"):
        convert(ConvertOptions(source, "yolo", tmp_path / "yolo"))
    convert(ConvertOptions(source, "yolo", tmp_path / "yolo", images=tmp_path / "elsewhere"))
    assert len(read_yolo(tmp_path / "yolo")) == len(IMAGES)
