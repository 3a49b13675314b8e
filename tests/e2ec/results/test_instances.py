"""Instances as polygons with holes and as masks: the data itself, and every format there and back.

`masks` are random pixels, with holes, islands in holes and parts that touch at a corner.
"""

from __future__ import annotations

import json
import pickle
from dataclasses import replace
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from pycocotools import mask as coco_mask
from shapely.geometry import shape

from dataset.formats.labelme.shapes import merge_shapes, read_shape
from dataset.masks.rasterize import components_to_mask
from dataset.masks.rings import split_rings
from dataset.masks.run_lengths import decode_mask, encode_mask
from e2ec.results import shapes as shapes_module
from e2ec.results.contours import Contours
from e2ec.results.draw.visualize import draw_contours
from e2ec.results.formats.coco import coco_results
from e2ec.results.formats.geojson import feature_collection
from e2ec.results.formats.labelme import labelme_document
from e2ec.results.formats.native import document, read_document
from e2ec.results.instances import Instances
from e2ec.results.masks import dense_masks
from e2ec.results.submission import cityscapes_files
from lib.errors import InputError
from lib.images import decode_image
from lib.polygons.geometry import signed_area

HEIGHT, WIDTH = 9, 11
SCHEMA = json.loads((Path(__file__).parents[3] / "docs" / "contours.schema.json").read_text())
# A frame of 6 x 5 pixels with a hole of 2 x 1 in it, and a pixel that touches its corner.
FRAME = np.zeros((HEIGHT, WIDTH), bool)
FRAME[1:6, 2:8] = True
FRAME[3, 4:6] = False
FRAME[6, 8] = True
OUTER = np.array([[1.0, 1.0], [9.0, 1.0], [9.0, 7.0], [1.0, 7.0]])
HOLE = np.array([[3.0, 3.0], [5.0, 3.0], [5.0, 5.0], [3.0, 5.0]])

masks = st.lists(
    arrays(bool, (HEIGHT, WIDTH)).filter(lambda mask: bool(mask.any())), min_size=1, max_size=3
)

whole = st.integers(1, 8)


def for_any_masks(test: Any) -> Any:
    return settings(max_examples=60, deadline=None)(given(found=masks)(test))


def for_any_polygons(test: Any) -> Any:
    """Rectangles with a corner and sides, in pixels, shifted by parts of a pixel."""
    pair, digits = st.tuples(whole, whole), st.integers(-25, 25).map(lambda n: n / 64)
    drawn = given(corner=pair, sides=pair, digits=digits)(test)
    return settings(max_examples=60, deadline=None)(drawn)


def of_masks(found: list[np.ndarray], kind: type[Instances] = Contours) -> Any:
    return kind(
        height=HEIGHT,
        width=WIDTH,
        class_names=("a", "b"),
        labels=np.arange(len(found)) % 2,
        scores=np.full(len(found), 0.5),
        runs=[encode_mask(mask) for mask in found],
    )


def of_polygons(**changes: Any) -> Contours:
    values: dict[str, Any] = {
        "height": HEIGHT,
        "width": WIDTH,
        "class_names": ("a", "b"),
        "labels": [0],
        "scores": [0.5],
        "parts": [[OUTER]],
        "holes": [[[HOLE]]],
    }
    return Contours(**{**values, **changes})


def refilled(parts: list[np.ndarray], holes: list[list[np.ndarray]]) -> np.ndarray:
    return components_to_mask(list(zip(parts, holes, strict=True)), HEIGHT, WIDTH)


class TestData:
    def test_a_mask_by_hand(self) -> None:
        contours = of_masks([FRAME])
        assert contours.boxes().tolist() == [[2, 1, 9, 7]]
        assert contours.areas().tolist() == [29.0]  # 6 x 5 - 2 + 1
        (instance,) = contours
        assert (instance.box, instance.area) == ((2, 1, 9, 7), 29.0)
        # A pixel that touches at a corner belongs to the part.
        assert [len(part) for part in instance.parts] == [8]
        assert instance.holes[0][0].tolist() == [[4, 3], [4, 4], [6, 4], [6, 3]]
        assert repr(instance) == (
            "ContourInstance(a, score 0.50, box 2.0 1.0 9.0 7.0, 1 part, 1 hole, 12 points)"
        )

    def test_polygons_with_holes_by_hand(self) -> None:
        contours = of_polygons()
        assert contours.areas().tolist() == [8 * 6 - 2 * 2]
        expected = np.zeros((HEIGHT, WIDTH), np.uint8)
        expected[1:7, 1:9] = 1
        expected[3:5, 3:5] = 0
        assert (contours.to_masks()[0] == expected).all()
        (result,) = contours.to_coco(1)
        assert (result["area"], result["bbox"]) == (44.0, [1.0, 1.0, 8.0, 6.0])
        # Half of it outside the image on the left: 4 x 6 less 1 x 2.
        (result,) = replace(contours, parts=[[OUTER - (5, 0)]], holes=[[[HOLE - (4, 0)]]]).to_coco(
            1
        )
        assert (result["area"], result["bbox"]) == (22.0, [0.0, 1.0, 4.0, 6.0])

    def test_an_island_in_a_hole_is_filled(self) -> None:
        island = np.array([[3.0, 3.0], [4.0, 3.0], [4.0, 4.0], [3.0, 4.0]])
        contours = of_polygons(parts=[[OUTER, island]], holes=[[[HOLE], []]])
        assert contours.to_masks().sum() == 44 + 1
        assert contours.to_coco(1)[0]["area"] == 45.0

    def test_masks_are_traced_when_asked_for_and_once(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        traced = []
        original = shapes_module.mask_to_rings
        monkeypatch.setattr(
            shapes_module, "mask_to_rings", lambda mask: traced.append(1) or original(mask)
        )
        contours = of_masks([FRAME, ~FRAME])
        contours.boxes(), contours.areas(), contours.to_masks(), contours[::-1]
        contours.to_coco(1, segmentation="rle")
        assert not traced
        assert contours.parts[0] is not contours.parts[1]
        assert len(contours.parts) == len(contours.holes) == 2
        assert len(contours.holes[0][0]) == 1 and len(traced) == 2

    def test_masks_and_polygons_in_one_image(self) -> None:
        mixed = Contours(
            HEIGHT, WIDTH, ("a", "b"), [0, 1, 0], [0.9, 0.8, 0.7],
            parts=[[], [OUTER], [OUTER]], holes=[[], [[HOLE]], []],
            runs=[encode_mask(FRAME), None, None],
        )  # fmt: skip
        assert mixed.to_masks().reshape(3, -1).sum(axis=1).tolist() == [29, 44, 48]
        assert mixed.areas().tolist() == [29, 44, 48]
        decoded = [
            coco_mask.decode(r["segmentation"]) for r in mixed.to_coco(1, segmentation="rle")
        ]
        assert (np.stack(decoded) == mixed.to_masks()).all()
        backwards = mixed[[2, 0]]
        assert isinstance(backwards, Contours)
        assert (backwards.to_masks() == mixed.to_masks()[[2, 0]]).all()
        assert [len(parts) for parts in backwards.parts[:]] == [1, 1]
        copied = replace(pickle.loads(pickle.dumps(mixed)), source="x.png")
        assert (copied.to_masks() == mixed.to_masks()).all()

    def test_instances_alone_have_no_methods_and_serve_every_format(self) -> None:
        plain = of_masks([FRAME], Instances)
        assert type(plain[:1]) is Instances and repr(plain).startswith("Instances(1 instance")
        contours = of_masks([FRAME])
        assert coco_results(plain, 1) == contours.to_coco(1)
        assert feature_collection(plain) == contours.to_geojson()
        assert labelme_document(plain) == contours.to_labelme()
        assert document([plain]) == contours.to_dict()
        assert (dense_masks(plain) == contours.to_masks()).all()

    @pytest.mark.parametrize(
        ("changes", "message"),
        [
            ({"runs": [[99]]}, "both"),
            ({"parts": [], "holes": []}, "0 contours"),
            ({"parts": (), "holes": (), "runs": [[98]]}, "do not fill 11 x 9"),
            ({"parts": (), "holes": (), "runs": [[100, -1]]}, "do not fill"),
            ({"parts": (), "holes": (), "runs": [[99, 0]]}, "the mask is empty"),
            ({"parts": (), "holes": (), "runs": [[98.5, 0.5]]}, "whole numbers"),
            ({"parts": (), "holes": (), "runs": [[0, 99], [0, 99]]}, "2 masks do not belong"),
            ({"holes": [[[HOLE], []]]}, "2 lists of holes for 1 parts"),
            ({"holes": [[[HOLE[:2]]]]}, "instance 0: a hole must be"),
            ({"holes": [[[HOLE * np.nan]]]}, "instance 0: a coordinate is not finite"),
        ],
    )
    def test_wrong_shapes_are_refused(self, changes: dict[str, Any], message: str) -> None:
        with pytest.raises(ValueError, match=message):
            of_polygons(**changes)


class TestMasksThereAndBack:
    """Any masks come back exactly from every format that can hold them."""

    @for_any_masks
    def test_traced_rings(self, found: list[np.ndarray]) -> None:
        contours = of_masks(found)
        assert (contours.to_masks() == np.stack(found)).all()
        for mask, parts, holes in zip(found, contours.parts, contours.holes, strict=True):
            assert (refilled(parts, holes) == mask).all()
        # Traced polygons in place of the masks are the same objects.
        polygons = replace(contours, parts=contours.parts[:], holes=contours.holes[:], runs=())
        assert (polygons.to_masks() == np.stack(found)).all()
        assert polygons.areas().tolist() == contours.areas().tolist()
        assert polygons.boxes().tolist() == contours.boxes().tolist()

    @for_any_masks
    def test_native(self, found: list[np.ndarray]) -> None:
        contours = of_masks(found)
        value = json.loads(contours.to_json())
        jsonschema.Draft202012Validator(SCHEMA).validate(value)
        (read,) = read_document(value)
        assert (read.to_masks() == np.stack(found)).all()
        assert read.to_json() == contours.to_json()

    @for_any_masks
    def test_coco(self, found: list[np.ndarray]) -> None:
        contours = of_masks(found)
        for mask, result in zip(found, contours.to_coco(1, segmentation="rle"), strict=True):
            assert (coco_mask.decode(result["segmentation"]) == mask).all()
            assert result["area"] == mask.sum()
        for mask, result in zip(found, contours.to_coco(1), strict=True):
            flat = coco_mask.frPyObjects(result["segmentation"], HEIGHT, WIDTH)
            assert (coco_mask.decode(coco_mask.merge(flat)) == mask).all()

    @for_any_masks
    def test_geojson_and_shapely(self, found: list[np.ndarray]) -> None:
        contours = of_masks(found)
        features = contours.to_geojson()["features"]
        for mask, feature, geometry in zip(found, features, contours.to_shapely(), strict=True):
            for read in (shape(feature["geometry"]), geometry):
                assert read.is_valid and read.area == mask.sum()
                pieces = getattr(read, "geoms", [read])
                rings = [(np.array(p.exterior.coords)[:-1], p.interiors) for p in pieces]
                outer = [ring for ring, _ in rings]
                inner = [[np.array(hole.coords)[:-1] for hole in holes] for _, holes in rings]
                assert (refilled(outer, inner) == mask).all()

    @for_any_masks
    def test_labelme(self, found: list[np.ndarray]) -> None:
        contours = of_masks(found)
        entries = json.loads(json.dumps(contours.to_labelme()))["shapes"]
        for index, (mask, holes) in enumerate(zip(found, contours.holes, strict=True)):
            count = 1 if any(holes) else len(contours.parts[index])
            own, entries = entries[:count], entries[count:]
            parts, runs = merge_shapes([read_shape(e, HEIGHT, WIDTH) for e in own], HEIGHT, WIDTH)
            assert (runs is not None) == any(holes)
            read = (
                refilled(parts, [[]] * len(parts))
                if runs is None
                else decode_mask(runs, HEIGHT, WIDTH)
            )
            assert (read == mask).all()
            assert {entry["score"] for entry in own} == {0.5}
        assert not entries

    @for_any_masks
    def test_cityscapes(self, found: list[np.ndarray]) -> None:
        image = {"id": 1, "file_name": "a_leftImg8bit.png", "height": HEIGHT, "width": WIDTH}
        results = of_masks(found).to_coco(1, segmentation="rle")
        written = [data for name, data in cityscapes_files(results, [image]) if "png" in name]
        for mask, data in zip(found, written, strict=True):
            assert (decode_image(data, name="mask").any(axis=2) == mask).all()


class TestPolygonsThereAndBack:
    """A rectangle with a rectangular hole and a second part, shifted by parts of a pixel."""

    def contours(self, corner: tuple, sides: tuple, digits: float) -> Contours:
        outer = np.array([[0.0, 0], [30, 0], [30, 30], [0, 30]]) + digits
        box = np.array([[0.0, 0], [1, 0], [1, 1], [0, 1]])
        return of_polygons(
            height=40, width=60, parts=[[outer, outer[::-1] * 0.5 + (40, 0)]],
            holes=[[[box * sides + (2 * corner[0], 2 * corner[1]) + digits], []]],
        )  # fmt: skip

    @for_any_polygons
    def test_native(self, corner: tuple, sides: tuple, digits: float) -> None:
        contours = self.contours(corner, sides, digits)
        value = contours.to_dict()
        jsonschema.Draft202012Validator(SCHEMA).validate(value)
        read = Contours.from_dict(value)
        for one, two in zip([*contours.parts[0], *contours.holes[0][0]],
                            [*read.parts[0], *read.holes[0][0]], strict=True):  # fmt: skip
            assert np.abs(one - two).max() <= 0.005 + 1e-9
        assert read.to_json() == contours.to_json() and read.holes[0][1] == []
        assert value["images"][0]["instances"][0]["area"] == round(float(read.areas()[0]), 2)

    @for_any_polygons
    def test_coco_polygons_hold_the_rings(self, corner: tuple, sides: tuple, digits: float) -> None:
        contours = self.contours(corner, sides, digits)
        flat = contours.to_coco(1, decimals=6)[0]["segmentation"]
        ((outer, holes),) = split_rings(np.array(flat[0]).reshape(-1, 2))
        for ring, original in ((outer, contours.parts[0][0]), (holes[0], contours.holes[0][0][0])):
            assert {*map(tuple, ring)} == {*map(tuple, np.round(original, 6))}
        assert len(flat) == 2 and len(flat[1]) == 8
        decoded = coco_mask.decode(coco_mask.merge(coco_mask.frPyObjects(flat, 40, 60)))
        assert (decoded == contours.to_masks()[0]).all()  # bridges enclose nothing

    @for_any_polygons
    def test_geojson(self, corner: tuple, sides: tuple, digits: float) -> None:
        contours = self.contours(corner, sides, digits)
        (feature,) = contours.to_geojson(decimals=6)["features"]
        exterior, interior = map(np.array, feature["geometry"]["coordinates"][0])
        assert signed_area(exterior) > 0 > signed_area(interior)
        assert "mended" not in feature["properties"]
        for geometry in (shape(feature["geometry"]), *contours.to_shapely()):
            assert geometry.is_valid
            assert geometry.area == pytest.approx(contours.areas()[0], abs=1e-3)


def test_a_contour_that_crosses_itself_keeps_its_hole_when_mended() -> None:
    """The corner at the lower right is twisted into a loop of its own."""
    crossing = np.array([[0, 0], [20, 0], [20, 20], [24, 24], [24, 20], [20, 24], [0, 20]], float)
    contours = of_polygons(height=40, width=40, parts=[[crossing]], holes=[[[HOLE]]])
    (feature,) = contours.to_geojson()["features"]
    mended = shape(feature["geometry"])
    assert feature["properties"]["mended"] and mended.is_valid
    assert not mended.contains(shape({"type": "Point", "coordinates": [4, 4]}))
    assert mended.contains(shape({"type": "Point", "coordinates": [10, 10]}))


def test_holes_are_not_filled_in_pictures() -> None:
    image = np.full((HEIGHT, WIDTH, 3), 100, np.uint8)
    for contours in (of_polygons(), of_masks([of_polygons().to_masks()[0]])):
        drawn = draw_contours(image, contours, line_width=1, labels=False)
        filled = draw_contours(image, replace(of_polygons(), holes=()), line_width=1, labels=False)
        assert (drawn != filled).any()
    outer, hole = 20 * OUTER, 20 * HOLE
    large = of_polygons(height=180, width=220, parts=[[outer]], holes=[[[hole]]])
    drawn = draw_contours(np.full((180, 220, 3), 100, np.uint8), large, labels=False)
    assert (drawn[65:95, 65:95] == 100).all()  # the middle of the hole
    assert (drawn[110:130, 30:150] != 100).any(axis=2).all()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"holes": [[HOLE.tolist()], []]}, r"2 lists of holes for 1 parts"),
        ({"holes": [[[[1, 2], [3, 4]]]]}, r"holes\[0\]\[0\]: a polygon needs at least three"),
        ({"holes": 5}, r'"holes" must be a list'),
        ({"counts": "@@"}, r'"counts" cannot be read'),
        ({"counts": "\u00e9"}, r'"counts" cannot be read'),
        ({"counts": [0, 99]}, r'"counts" must be compressed'),
        ({"counts": "S3"}, r"instances\[0\]|the mask is empty"),
    ],
)
def test_unusable_holes_and_masks_in_a_document(changes: dict[str, Any], message: str) -> None:
    value = of_polygons(holes=()).to_dict()
    value["images"][0]["instances"][0] |= changes
    with pytest.raises(InputError, match=message):
        Contours.from_dict(value)


def test_a_file_without_holes_is_written_as_before() -> None:
    (entry,) = of_polygons(holes=()).to_dict()["images"][0]["instances"]
    assert list(entry) == ["class", "class_index", "score", "box", "area", "parts"]
