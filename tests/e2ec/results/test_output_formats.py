"""Every format of results, written and read back by the library that owns it."""

from __future__ import annotations

import csv
import io
import json
import xml.etree.ElementTree as ElementTree
from dataclasses import replace
from pathlib import Path

import jsonschema
import numpy as np
import pytest
from label_scenes import HEIGHT, WIDTH, ring_mask
from qupath_schema import QUPATH_SCHEMA
from results_to_write import CLASSES, results, square, write_images
from skimage.measure import label as label_image
from skimage.measure import regionprops_table

from e2ec.bench.studies.format_study import expected, overlaps
from e2ec.bench.studies.read_back import READERS
from e2ec.results.contours import Contours
from e2ec.results.formats.catalogue import OUTPUT_FORMATS
from e2ec.results.formats.item import ImageResult
from e2ec.results.formats.options import FormatOptions
from e2ec.results.formats.voc import voc_palette
from e2ec.results.formats.writers import FILE_WRITERS, format_files, write_results
from lib.errors import InputError

# What has to be installed to read a format; the project itself reads the others.
PACKAGES = {
    "labelme": "labelme",
    "qupath": "qubalab",
    "imagej": "roifile",
    "svg": "svgelements",
    "geoparquet": "geopandas",
}


def test_the_catalogue_names_every_writer() -> None:
    assert [*FILE_WRITERS] == [*OUTPUT_FORMATS]
    assert {*READERS} == {*OUTPUT_FORMATS} - {"csv"}


@pytest.mark.parametrize("name", READERS)
@pytest.mark.parametrize("labels", [False, True])
def test_it_is_read_back(name: str, labels: bool, tmp_path: Path) -> None:
    """All objects, parts and holes, with their classes; the same for predictions and labels."""
    if name in PACKAGES:
        pytest.importorskip(PACKAGES[name], reason=f"{PACKAGES[name]} reads this format")
    write_images(tmp_path / "images")
    items = [
        replace(item, labels=labels, path=str(tmp_path / "images" / item.name))
        for item in results()
    ]
    out = tmp_path / "out"
    notes = write_results(name, items, out)
    assert not notes.left_out
    assert not any(notes.mended)  # a ring that touches itself becomes another one of the same area
    read = list(READERS[name][1](out, items))
    assert [len(objects) for objects in read] == [3, 1, 0]
    if name in ("imagej", "voc"):  # names of files, and of lines with fields, hold less
        plain = {"a _b_ _c_ _ d": CLASSES[1]}
        read = [[(plain.get(kind, kind), mask) for kind, mask in objects] for objects in read]
    for item, objects in zip(items, read, strict=True):
        assert (overlaps(expected(name, item), objects) >= 0.99).all()
    for item in items:
        assert (out / OUTPUT_FORMATS[name].path(item.name)).is_file()


@pytest.mark.parametrize("name", [name for name in READERS if name not in PACKAGES])
def test_options_hold_for_all_formats(name: str, tmp_path: Path) -> None:
    """The largest part without its holes: 100 pixels, 400 pixels, and the outline of the mask."""
    items = results()
    write_results(name, items, tmp_path, FormatOptions(keep="largest", holes=False))
    read = list(READERS[name][1](tmp_path, items))
    assert [sorted(int(mask.sum()) for _, mask in objects) for objects in read] == [
        sorted([100, 400, int(expected(name, items[0])[2][1].sum())]),
        [35 * 40 + 1],  # the frame of 35 rows and 40 columns, and the pixel at its corner
        [],
    ]


def test_simplifying_and_mending_are_reported() -> None:
    """A bow tie is two triangles of 1 square pixel each, where the shoelace formula has 0."""
    tie = np.array([[0.0, 0.0], [2.0, 2.0], [2.0, 0.0], [0.0, 2.0]])
    stairs = np.array([[4.0, 4], [5, 4], [6, 4], [6, 5], [8, 5], [8, 8], [4, 8]])
    contours = Contours(
        height=10, width=10, class_names=("x",), labels=[0, 0], scores=[1, 1],
        parts=[[tie], [stairs]],
    )  # fmt: skip
    options = FormatOptions(simplify=0.3, valid=True)
    ((_, data), *_), notes = _written("contours", [ImageResult("a.png", contours)], options)
    bow, steps = json.loads(data)["images"][0]["instances"]
    assert len(bow["parts"]) == 2 and bow["area"] == 2.0
    assert notes.mended == [100.0]  # from 0 to 2 square pixels, in percent of what there is
    # (5, 4) lies on the line between its neighbours.
    assert [5.0, 4.0] not in steps["parts"][0] and len(steps["parts"][0]) == 6


def _written(name: str, items: list[ImageResult], options: FormatOptions) -> tuple[list, object]:
    from e2ec.results.formats.notes import Notes

    notes = Notes()
    return list(format_files(name, items, options, notes)), notes


def test_without_holes_an_island_is_united_with_what_is_around_it() -> None:
    contours = Contours(
        height=20, width=20, class_names=("x",), labels=[0], scores=[1],
        parts=[[square(2, 2, 12), square(6, 6, 4)]], holes=[[[square(4, 4, 8)], []]],
    )  # fmt: skip
    options = FormatOptions(valid=True, holes=False)
    ((_, data), *_), _ = _written("contours", [ImageResult("a.png", contours)], options)
    (entry,) = json.loads(data)["images"][0]["instances"]
    assert len(entry["parts"]) == 1 and entry["area"] == 144


def test_crowd_regions_stay_as_they_are() -> None:
    item = replace(results()[1], crowd=(True,))
    files = dict(format_files("coco", [item], FormatOptions(keep="largest", holes=False)))
    (entry,) = json.loads(files["annotations.json"])["annotations"]
    assert entry["iscrowd"] == 1 and entry["area"] == ring_mask().sum()


class TestQuPath:
    def test_schema_colours_and_ids(self) -> None:
        first, again = (dict(format_files("qupath", results())) for _ in range(2))
        assert first == again
        for text in first.values():
            jsonschema.Draft202012Validator(QUPATH_SCHEMA).validate(json.loads(text))
        features = json.loads(first["some folder/one.geojson"])["features"]
        assert len({feature["id"] for feature in features}) == 3
        colors = [f["properties"]["classification"]["color"] for f in features]
        assert colors[0] == colors[2] != colors[1]
        assert [f["properties"]["measurements"] for f in features] == [
            {"score": 0.9}, {"score": 0.123456}, {"score": 0.5},
        ]  # fmt: skip
        assert [len(f["geometry"]["coordinates"]) for f in features] == [2, 2, 1]

    def test_labels_have_no_scores(self) -> None:
        items = [replace(item, labels=True) for item in results()]
        for name in ("qupath", "labelme", "cvat", "coco", "svg", "csv"):
            assert not any(b"score" in data for _, data in format_files(name, items)), name


class TestCvat:
    def test_schema(self) -> None:
        xmlschema = pytest.importorskip("xmlschema")
        schema = xmlschema.XMLSchema(Path(__file__).parents[2] / "helpers" / "cvat_images.xsd")
        for crowd in ((), (True,)):
            items = [results()[0], replace(results()[1], crowd=crowd)]
            ((_, data),) = format_files("cvat", items)
            schema.validate(io.BytesIO(data))

    def test_polygons_and_masks(self) -> None:
        """A mask of 3 x 2 pixels from (1, 1): row by row 1 1 1, 1 0 1. It has no hole, but is
        exact: runs 0, 4, 1, 1 begin with background, of which there is none."""
        mask = np.zeros((5, 6), bool)
        mask[1:3, 1:4] = True
        mask[2, 2] = False
        contours = Contours.from_masks(mask[None], class_names=["x\x00"])
        plain = Contours(
            height=5, width=6, class_names=("x\x00",), labels=[0], scores=[0.25],
            parts=[[square(0, 0, 2), square(3, 3, 1.5)]],
        )  # fmt: skip
        ((_, data),) = format_files("cvat", [ImageResult("a.png", contours + plain)])
        image = ElementTree.fromstring(data).find("image")
        assert image is not None
        shown, *polygons = image
        assert shown.tag == "mask" and shown.get("rle") == "0, 4, 1, 1"
        assert [shown.get(k) for k in ("left", "top", "width", "height")] == ["1", "1", "3", "2"]
        assert shown.get("label") == "x\ufffd"
        assert [p.get("group_id") for p in polygons] == ["1", "1"]
        assert polygons[1].get("points") == "3.0,3.0;4.5,3.0;4.5,4.5;3.0,4.5"
        assert polygons[0].findtext("attribute") == "0.25" and polygons[0].get("source") == "auto"


class TestVoc:
    def test_palette(self) -> None:
        """The first colours, and the last, as the development kit has them."""
        colors = voc_palette().tolist()
        assert colors[:5] == [[0, 0, 0], [128, 0, 0], [0, 128, 0], [128, 128, 0], [0, 0, 128]]
        assert colors[20] == [0, 64, 128] and colors[255] == [224, 224, 192]

    def test_the_higher_score_is_seen_and_of_equal_ones_the_smaller(self) -> None:
        from e2ec.results.formats.notes import Notes
        from e2ec.results.formats.voc import number_images

        contours = Contours(
            height=8, width=8, class_names=("a", "b"), labels=[0, 1, 0], scores=[0.5, 0.9, 0.5],
            parts=[[square(2, 2, 2)], [square(6, 6, 2)], [square(0, 0, 8)]],
        )  # fmt: skip
        notes = Notes()
        objects, classes = number_images(ImageResult("a.png", contours), notes)
        assert objects[3, 3] == 1 and objects[7, 7] == 2 and objects[0, 0] == 3
        assert classes[3, 3] == 1 and classes[7, 7] == 2 and not notes.left_out
        # One that others hide is left out, and counted.
        hidden = contours[[0, 0]]
        number_images(ImageResult("a.png", hidden), notes)
        assert notes.left_out == {"objects of which no pixel can be seen": 1}

    def test_more_objects_than_a_palette_has(self, tmp_path: Path) -> None:
        contours = Contours.from_masks(np.arange(1, 401).reshape(20, 20))
        item = ImageResult("a.png", contours)
        write_results("voc", [item], tmp_path)
        ((*found,),) = READERS["voc"][1](tmp_path, [item])
        assert len(found) == 400


class TestMeasurements:
    def test_they_are_those_of_regionprops(self) -> None:
        """Of the whole image at once, with a spacing, where ours go object by object."""
        names = ("area", "perimeter", "eccentricity", "solidity", "centroid", "bbox",
                 "intensity_mean", "axis_major_length")  # fmt: skip
        pixels = np.random.default_rng(0).integers(0, 60000, (HEIGHT, WIDTH)).astype(np.uint16)
        numbers = label_image(np.random.default_rng(1).random((HEIGHT, WIDTH)) < 0.4)
        contours = Contours.from_masks(numbers)
        item = ImageResult("a.png", contours, pixels=lambda: pixels)
        ((_, data),) = format_files("csv", [item], FormatOptions(pixel_size=0.5))
        rows = list(csv.DictReader(io.StringIO(data.decode())))
        wanted = regionprops_table(numbers, pixels.astype(float), properties=names)
        metric = regionprops_table(numbers, spacing=(0.5, 0.5), properties=("area", "perimeter"))
        for name, column in wanted.items():
            got = [float(row[name]) for row in rows]
            assert np.allclose(got, column, rtol=0, atol=1e-5, equal_nan=True), name
        assert np.allclose([float(r["area_um2"]) for r in rows], metric["area"], atol=1e-5)
        assert np.allclose([float(r["perimeter_um"]) for r in rows], metric["perimeter"], atol=1e-5)

    def test_channels_and_wrong_pixels(self) -> None:
        item = results()[0]
        color = np.zeros((HEIGHT, WIDTH, 3))
        color[..., 2] = 7
        ((_, data),) = format_files("csv", [replace(item, pixels=lambda: color)])
        (row, *_) = csv.DictReader(io.StringIO(data.decode()))
        assert [row[f"intensity_mean-{c}"] for c in range(3)] == ["0.0", "0.0", "7.0"]
        assert row["class"] == "cell" and row["score"] == "0.9" and row["image"] == item.name
        with pytest.raises(InputError, match=r"some folder/one.jpg: is 3 x 2 pixels"):
            list(format_files("csv", [replace(item, pixels=lambda: color[:2, :3])]))


def test_svg_holds_what_browsers_need() -> None:
    files = dict(format_files("svg", results()))
    root = ElementTree.fromstring(files["two.svg"])
    assert root.get("viewBox") == f"0 0 {WIDTH} {HEIGHT}"
    groups = root.findall("{http://www.w3.org/2000/svg}g")
    assert [g.get("data-class") for g in groups] == [CLASSES[1]]
    first = ElementTree.fromstring(files["some folder/one.svg"])
    paths = [[p.get("d") for p in g] for g in first.findall("{http://www.w3.org/2000/svg}g")]
    assert paths[1] == [
        "M30.0 20.0 L50.0 20.0 L50.0 40.0 L30.0 40.0 Z "
        "M35.5 25.5 L44.5 25.5 L44.5 34.5 L35.5 34.5 Z"
    ]


class TestRefused:
    def test_files_that_two_images_would_share(self) -> None:
        twice = [results()[1], replace(results()[1], name="two.jpg")]
        with pytest.raises(InputError, match=r"two\.jpg: .* same name as that of two\.png"):
            list(format_files("svg", twice))
        assert len(dict(format_files("cvat", twice))) == 1

    def test_other_classes_unknown_formats_and_names_that_lead_out(self) -> None:
        other = replace(results()[1].contours, class_names=("x", "y"))
        with pytest.raises(InputError, match=r"b\.png: has other classes"):
            list(format_files("coco", [results()[0], ImageResult("b.png", other)]))
        with pytest.raises(InputError, match="did you mean 'geojson'"):
            format_files("geojsn", [])
        with pytest.raises(InputError, match="leads out"):
            ImageResult("../a.png", other)

    def test_options_out_of_range(self) -> None:
        for wrong in (
            {"simplify": -1},
            {"simplify": float("nan")},
            {"decimals": 16},
            {"pixel_size": 0},
        ):
            with pytest.raises(ValueError, match=next(iter(wrong))):
                FormatOptions(**wrong)  # type: ignore[arg-type]

    def test_a_missing_package_is_named_with_its_extra(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for name, package, extra in (
            ("imagej", "roifile", "imagej"),
            ("geoparquet", "pyarrow", "geo"),
        ):
            monkeypatch.setitem(__import__("sys").modules, package, None)
            with pytest.raises(InputError, match=rf'pip install "e2ec\[{extra}\]"'):
                list(format_files(name, results()))
