"""SBD from the files of its release: split, classes, masks, and every damage as one clear line."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import sbd_tree
from numpy.testing import assert_array_equal
from scipy.io import savemat

from dataset.checks.problems import Problem
from dataset.formats.sbd.matlab_file import read_struct
from dataset.formats.sbd.read import CLASSES, image_id, read_sbd, release_folder, split_names
from dataset.index.label_index import LabelIndex
from dataset.masks.run_lengths import decode_mask
from lib.errors import InputError
from lib.images import write_image

FIRST, SECOND, EMPTY = sbd_tree.NAMES


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return sbd_tree.write_sbd(tmp_path / "sbd")


def read(root: Path, *names: str) -> LabelIndex:
    return read_sbd(root, "train", names=names or sbd_tree.NAMES)


def problems_of(root: Path, *names: str) -> tuple[LabelIndex, list[Problem]]:
    problems: list[Problem] = []
    index = read_sbd(root, "train", names=names or sbd_tree.NAMES, report=problems.append)
    return index, problems


def test_the_split_of_contour_papers_comes_with_the_package() -> None:
    """5,623 and 5,732 distinct images, 11,355 together, in order, named YEAR_NUMBER."""
    train, val = split_names("train"), split_names("val")
    assert (len(train), len(val), len({*train, *val})) == (5623, 5732, 11355)
    assert train[:2] == ("2008_000008", "2008_000015")
    assert val[:2] == ("2008_000002", "2008_000003")
    for names in (train, val):
        assert sorted(names) == list(names)
        assert all(len(name) == 11 and name[4] == "_" for name in names)
    assert set(sbd_tree.NAMES) <= set(train)
    assert image_id("2008_000008") == 2008000008
    assert len({image_id(name) for name in val}) == 5732


def test_classes_are_those_of_pascal_voc_in_its_order(root: Path) -> None:
    categories = read(root).categories
    assert list(categories) == list(range(1, 21))
    assert tuple(categories.values()) == CLASSES
    assert (categories[1], categories[15], categories[20]) == ("aeroplane", "person", "tvmonitor")


@pytest.mark.parametrize("compressed", [True, False])
def test_masks_classes_and_ids_are_those_of_the_files(tmp_path: Path, compressed: bool) -> None:
    index = read(sbd_tree.write_sbd(tmp_path, compressed=compressed))
    assert index.image_ids == (2008000008, 2008000015, 2008000019)
    ids = set()
    for position, (name, segmentation) in enumerate(sbd_tree.segmentations().items()):
        image, annotations = index.image(position), index.annotations(position)
        assert (image.name, image.height, image.width) == (f"{name}.jpg", 60, 80)
        assert [a.category_id for a in annotations] == sbd_tree.CATEGORY_IDS[name]
        for number, annotation in enumerate(annotations, start=1):
            mask = segmentation == number
            assert annotation.runs is not None
            assert_array_equal(decode_mask(annotation.runs, 60, 80), mask)
            assert annotation.area == mask.sum()
            rows, columns = np.nonzero(mask)
            x, y, width, height = annotation.bbox
            assert (x, y) == (columns.min(), rows.min())
            assert (x + width, y + height) == (columns.max() + 1, rows.max() + 1)
            ids.add(annotation.id)
    # The train that is divided by another has two parts.
    parts = [[len(a.polygons) for a in index.annotations(position)] for position in range(3)]
    assert parts == [[1, 1], [2, 1, 1], []]
    assert len(ids) == 5
    assert max(ids) < 2**53  # what evaluators that count in floats can hold


@pytest.mark.parametrize("inside", ["", "dataset", "benchmark_RELEASE/dataset"])
def test_the_folder_may_be_that_of_the_unpacked_archive(tmp_path: Path, inside: str) -> None:
    sbd_tree.write_sbd(tmp_path / inside)
    assert release_folder(tmp_path) == tmp_path / inside
    assert len(read(tmp_path)) == 3


def test_another_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no SBD folder"):
        read(tmp_path)


IMAGE, LABELS = f"img/{SECOND}.jpg", f"inst/{SECOND}.mat"
HDF5 = b"MATLAB 7.3 MAT-file, Platform: GLNXA64".ljust(512) + b"\x89HDF\r\n\x1a\n"
NO_BYTES = {"Segmentation": np.ones((60, 80), np.float32), "Categories": 1}


@pytest.mark.parametrize(
    ("file", "damage", "kind", "what"),
    [
        (IMAGE, Path.unlink, "missing image", "is missing"),
        (LABELS, Path.unlink, "missing annotation", "is missing"),
        (IMAGE, lambda path: path.write_bytes(b"no image"), "unreadable image", ""),
        (LABELS, lambda path: path.write_bytes(b"no labels"), "unreadable annotation", ""),
        (LABELS, lambda path: path.write_bytes(HDF5), "unreadable annotation", "version 7.3"),
        (
            LABELS,
            lambda path: savemat(path, {"GTinst": NO_BYTES}),
            "unreadable annotation",
            "bytes",
        ),
    ],
)
def test_a_damaged_image_is_named_and_left_out(
    root: Path, file: str, damage: Callable[[Path], None], kind: str, what: str
) -> None:
    damage(root / file)
    with pytest.raises(InputError, match=f"{file}: .*{re.escape(what)}"):
        read(root)
    index, (problem,) = problems_of(root)
    assert (problem.file, problem.kind, problem.action) == (str(root / file), kind, "stops")
    assert "\n" not in problem.line()
    assert index.image_ids == (image_id(FIRST), image_id(EMPTY))


def test_labels_of_another_size_than_the_image(root: Path) -> None:
    write_image(root / IMAGE, np.zeros((80, 60, 3), np.uint8))
    index, (problem,) = problems_of(root)
    assert (problem.file, problem.kind) == (str(root / LABELS), "size mismatch")
    assert len(index) == 2


@pytest.mark.parametrize(
    ("category_ids", "left", "what", "action"),
    [
        ([19, 19], 2, "instance 3: has no category", "stops"),
        ([19, 21, 20], 2, "instance 2: category 21 is not one of 1 to 20", "stops"),
        ([19, 0, 20], 2, "instance 2: category 0 is not", "stops"),
        ([19, 19, 20, 7], 3, "instance 4: has a category but no pixel", "left out"),
    ],
)
def test_instances_and_categories_that_disagree_are_reported(
    root: Path, category_ids: list[int], left: int, what: str, action: str
) -> None:
    segmentation = sbd_tree.segmentations()[SECOND]
    path = sbd_tree.write_instances(root, SECOND, segmentation, category_ids)
    index, (problem,) = problems_of(root, SECOND)
    assert problem.line().startswith(f"{path}: {what}")
    assert problem.action == action
    assert len(index.annotations(0)) == left


def test_categories_may_be_stored_as_any_number(root: Path) -> None:
    """MATLAB's own arrays are doubles."""
    segmentation = sbd_tree.segmentations()[FIRST]
    struct = {"Segmentation": segmentation, "Categories": np.array([[13.0], [15.0]])}
    savemat(root / "inst" / f"{FIRST}.mat", {"other": 1, "GTinst": struct})
    assert [a.category_id for a in read(root, FIRST).annotations(0)] == [13, 15]


@pytest.mark.parametrize(
    ("content", "what"),
    [
        ({"GTcls": {"Segmentation": np.eye(3)}}, "no variable GTinst"),
        ({"GTinst": np.eye(3)}, "GTinst is not a single struct"),
        ({"GTinst": {"Segmentation": np.eye(3)}}, "no field Categories"),
        ({"GTinst": {"Segmentation": "text", "Categories": 1}}, "Segmentation holds no numbers"),
        ({"GTinst": {"Segmentation": {"a": 1}, "Categories": 1}}, "Segmentation holds no numbers"),
    ],
)
def test_other_matlab_files_are_refused(tmp_path: Path, content: dict, what: str) -> None:
    savemat(tmp_path / "a.mat", content)
    with pytest.raises(InputError, match=f"a.mat: .*{what}"):
        read_struct(tmp_path / "a.mat", "GTinst", ("Segmentation", "Categories"))


@pytest.mark.parametrize("dtype", ["u1", "i1", "u2", "i2", "u4", "i4", "f4", "f8", "i8", "u8"])
def test_arrays_are_read_as_scipy_wrote_them(tmp_path: Path, dtype: str) -> None:
    array = np.arange(15, dtype=dtype).reshape(3, 5)
    savemat(tmp_path / "a.mat", {"s": {"empty": np.zeros((0, 1)), "array": array}})
    fields = read_struct(tmp_path / "a.mat", "s", ("array", "empty"))
    assert fields["array"].dtype == array.dtype
    assert_array_equal(fields["array"], array)
    assert fields["empty"].shape == (0, 1)


@pytest.mark.parametrize("compressed", [True, False])
def test_randomly_damaged_files_are_read_or_refused(root: Path, compressed: bool) -> None:
    """Bits flipped, bytes changed, ends cut off; SciPy's reader crashes on such files."""
    segmentation = sbd_tree.segmentations()[SECOND]
    path = sbd_tree.write_instances(root, SECOND, segmentation, [1, 2, 3], compressed=compressed)
    intact = path.read_bytes()
    rng = np.random.default_rng(0)
    refused = 0
    for _ in range(400):
        data = bytearray(intact)
        # The lengths, types and shapes lie in the first bytes.
        for place in rng.integers(0, rng.choice([600, len(data)]), rng.integers(1, 5)):
            if place < len(data):
                data[place] = rng.integers(256) if rng.random() < 0.5 else data[place] ^ 1
        path.write_bytes(data[: rng.integers(len(data))] if rng.random() < 0.1 else data)
        try:
            read(root, SECOND)
        except InputError as error:
            refused += 1
            assert str(error).startswith(f"{path}: ")
            assert "\n" not in str(error)
    assert refused > 100
