"""Cityscapes from its own files: exact records, both kinds of labels, what is wrong with them."""

from __future__ import annotations

import shutil
from pathlib import Path

import cityscapes_tree as tree
import numpy as np
import pytest
from PIL import Image

from dataset.checks.problems import Problem
from dataset.formats.cityscapes import (
    CATEGORIES,
    image_folder,
    label_path,
    read_cityscapes,
    source_files,
)
from dataset.masks.run_lengths import decode_mask
from lib.errors import InputError

STREET_NAME = "frankfurt/frankfurt_000000_000294"
STREET = f"{STREET_NAME}_leftImg8bit.png"


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tree.write_tree(tmp_path_factory.mktemp("cityscapes"))


@pytest.fixture
def copied(source: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(source, tmp_path / "cityscapes"))


def problems(root: Path, labels: str = "instance_ids") -> list[Problem]:
    found: list[Problem] = []
    read_cityscapes(root, "val", labels=labels, report=found.append)
    return found


def mask(index, position: int, annotation_id: int) -> np.ndarray:
    record = next(a for a in index.annotations(position) if a.id == annotation_id)
    return decode_mask(record.runs, tree.HEIGHT, tree.WIDTH)


def rectangle(x0: int, y0: int, x1: int, y1: int) -> np.ndarray:
    """The mask of the pixels x0..x1, y0..y1, both ends included."""
    inside = np.zeros((tree.HEIGHT, tree.WIDTH), bool)
    inside[y0 : y1 + 1, x0 : x1 + 1] = True
    return inside


def test_the_classes_are_the_eight_evaluated_ones() -> None:
    assert CATEGORIES == {
        24: "person", 25: "rider", 26: "car", 27: "truck",
        28: "bus", 31: "train", 32: "motorcycle", 33: "bicycle",
    }  # fmt: skip


@pytest.mark.parametrize("labels", ["instance_ids", "polygons"])
def test_records_of_a_street(source: Path, labels: str) -> None:
    """A split car is one instance of two parts; a group is a crowd; a caravan is nothing."""
    index = read_cityscapes(source, "val", labels=labels)
    assert index.labelled and dict(index.categories) == CATEGORIES
    assert index.image_ids == (1, 2, 3)
    assert (index.image(0).name, index.image(0).width, index.image(0).height) == (STREET, 160, 96)
    group, person, car = index.annotations(0)
    assert [(a.id, a.category_id, a.crowd) for a in (group, person, car)] == [
        (100_026, 26, True),
        (124_000, 24, False),
        (126_000, 26, False),
    ]
    # The car covers x 30..69 and y 50..69, the pole before it x 40..45.
    assert car.area == 34 * 20 and car.bbox == (30, 50, 40, 20)
    assert [p.tolist() for p in car.polygons] == [
        [[30, 50], [40, 50], [40, 70], [30, 70]],
        [[46, 50], [70, 50], [70, 70], [46, 70]],
    ]
    np.testing.assert_array_equal(
        mask(index, 0, car.id), rectangle(30, 50, 39, 69) | rectangle(46, 50, 69, 69)
    )
    assert person.bbox == (80, 40, 10, 30) and len(person.polygons) == 1
    assert group.polygons == [] and group.bbox == (120, 40, 20, 10)
    np.testing.assert_array_equal(mask(index, 0, group.id), rectangle(120, 40, 139, 49))
    assert index.annotations(2) == []


def test_masks_are_those_of_the_label_image(source: Path) -> None:
    """Against the plain way: every id of the image by itself."""
    index = read_cityscapes(source, "val")
    for position in range(len(index)):
        ids = np.array(
            Image.open(label_path(source, "val", index.image(position).name, "instance_ids"))
        )
        assert ids.dtype == np.uint16
        wanted = [i for i in np.unique(ids) if (i if i < 1000 else i // 1000) in CATEGORIES]
        assert [a.id % 100_000 for a in index.annotations(position)] == wanted
        for annotation in index.annotations(position):
            expected = ids == annotation.id % 100_000
            np.testing.assert_array_equal(mask(index, position, annotation.id), expected)
            assert annotation.area == expected.sum()


def test_polygons_are_painted_as_the_official_tool_paints_them(tmp_path: Path) -> None:
    """Random polygons that cross themselves and leave the image, with and without fractions."""
    rng = np.random.default_rng(5)
    names = [*CATEGORIES.values(), "cargroup", "pole", "trailer", "license plate"]
    for number in range(20):
        scene = [
            {
                "label": str(rng.choice(names)),
                "polygon": (rng.uniform(-30, 180, (rng.integers(3, 9), 2)) * 4).round() / divisor,
            }
            for divisor in rng.choice([4, 4.5], 25)
        ]
        scene = [{**entry, "polygon": entry["polygon"].tolist()} for entry in scene]
        tree.write_scene(tmp_path, "val", f"ulm/ulm_000000_{number:06}", scene)
    from_images = read_cityscapes(tmp_path, "val").ground_truth()
    assert len(from_images["annotations"]) > 100
    assert read_cityscapes(tmp_path, "val", labels="polygons").ground_truth() == from_images


@pytest.mark.parametrize(
    ("x", "y", "width", "height"),
    [(0, 0, 60, 36), (0, 60, 60, 36), (100, 0, 60, 36), (100, 60, 60, 36), (50, 30, 60, 36),
     (0, 0, tree.WIDTH, tree.HEIGHT)],
)  # fmt: skip
def test_masks_that_touch_the_borders(
    tmp_path: Path, x: int, y: int, width: int, height: int
) -> None:
    """Run lengths begin and end at the first and last pixel of the image."""
    corners = (x, y, x + width - 1, y + height - 1)
    tree.write_scene(tmp_path, "val", "ulm/ulm_000000_000001", [tree.box("bus", *corners)])
    index = read_cityscapes(tmp_path, "val")
    np.testing.assert_array_equal(mask(index, 0, 128_000), rectangle(*corners))


def test_the_test_split_has_images_and_no_labels(source: Path) -> None:
    index = read_cityscapes(source, "test")
    assert not index.labelled and len(index) == 1 and index.annotations(0) == []
    assert index.image(0).name == "berlin/berlin_000000_000019_leftImg8bit.png"


def test_source_files_are_all_that_is_read(source: Path) -> None:
    names = [path.name for path in source_files(source, "train")]
    assert names == [
        "aachen_000000_000019_leftImg8bit.png",
        "bochum_000000_000313_leftImg8bit.png",
        "aachen_000000_000019_gtFine_instanceIds.png",
        "bochum_000000_000313_gtFine_instanceIds.png",
    ]
    assert len(source_files(source, "test")) == 1


@pytest.mark.parametrize("labels", ["instance_ids", "polygons"])
def test_missing_labels_are_named(copied: Path, labels: str) -> None:
    path = label_path(copied, "val", STREET, labels)
    path.unlink()
    with pytest.raises(InputError, match=f"{path}: not found; add the file"):
        read_cityscapes(copied, "val", labels=labels)
    (found,) = problems(copied, labels)
    assert (found.file, found.kind, found.action) == (str(path), "missing labels", "stops")


def test_missing_image_is_named(copied: Path) -> None:
    path = image_folder(copied, "val") / STREET
    path.unlink()
    with pytest.raises(InputError, match=f"{path}: image not found"):
        read_cityscapes(copied, "val")


def test_a_folder_without_images_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"leftImg8bit/val: no images"):
        read_cityscapes(tmp_path, "val")


def test_damaged_label_images(copied: Path) -> None:
    path = label_path(copied, "val", STREET, "instance_ids")
    good = path.read_bytes()
    for data in (b"", good[:50], good[: len(good) // 2], b"GIF89a" + good):
        path.write_bytes(data)
        with pytest.raises(InputError, match=f"{path}: image cannot be decoded"):
            read_cityscapes(copied, "val")
    Image.new("RGB", (tree.WIDTH, tree.HEIGHT)).save(path)
    assert problems(copied)[0].what == "not a grey image of 16 bits"
    Image.new("I;16", (tree.WIDTH, 5)).save(path)
    assert problems(copied)[0].what == "labels of 160 x 5 pixels for an image of 160 x 96"


def test_an_id_of_no_class_is_left_out(copied: Path) -> None:
    path = label_path(copied, "val", STREET, "instance_ids")
    ids = np.array(Image.open(path))
    ids[:5, :5] = 60_001
    Image.fromarray(ids).save(path)
    (found,) = problems(copied)
    assert (found.item, found.kind, found.action) == ("id 60001", "unknown category", "left out")
    assert read_cityscapes(copied, "val").annotation_count() == 13


@pytest.mark.parametrize(
    ("change", "kind"),
    [
        ({"label": "spaceship"}, "unknown category"),
        ({"label": ["car"]}, "unknown category"),
        ({"polygon": [[1, 2], [3, 4]]}, "few points"),
        ({"polygon": [[1, 2], [3, 4], [5]]}, "bad polygon"),
        ({"polygon": [[1, 2], [3, "4"], [5, 6]]}, "bad polygon"),
        ({"polygon": None}, "bad polygon"),
        ({"polygon": [[1, 2], [3, float("nan")], [5, 6]]}, "bad number"),
        ({"polygon": [[1, 2], [3, 10**400], [5, 6]]}, "bad number"),
    ],
)
def test_bad_objects_are_left_out(copied: Path, change: dict, kind: str) -> None:
    scene = [*tree.STREET, {**tree.box("car", 1, 2, 3, 4), **change}]
    path = tree.write_polygons(copied, "val", STREET_NAME, scene)
    (found,) = problems(copied, "polygons")
    assert (found.file, found.item, found.kind) == (str(path), "object 11", kind)
    assert read_cityscapes(copied, "val", labels="polygons").annotation_count() == 13


def test_points_far_outside_are_painted_as_far_as_they_reach(copied: Path) -> None:
    tree.write_polygons(copied, "val", STREET_NAME, [tree.box("bus", 20, 10, 10**12, 10**12)])
    index = read_cityscapes(copied, "val", labels="polygons")
    np.testing.assert_array_equal(mask(index, 0, 128_000), rectangle(20, 10, 159, 95))


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"objects": 1}', '{"objects": []}', "[" * 9999])
def test_polygon_files_of_another_kind(copied: Path, text: str) -> None:
    path = label_path(copied, "val", STREET, "polygons")
    path.write_text(text)
    (found,) = problems(copied, "polygons")
    assert (found.file, found.action) == (str(path), "stops")
