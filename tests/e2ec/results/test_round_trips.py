"""Masks and polygons with holes through every format, there and back.

Masks are random pixels, with holes, islands in holes and pixels that touch at a corner.
"""

from __future__ import annotations

import json
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
from small_instances import HEIGHT, WIDTH, of_masks, of_polygons

from dataset.formats.labelme.shapes import merge_shapes, read_shape
from dataset.masks.rasterize import components_to_mask
from dataset.masks.rings import split_rings
from dataset.masks.run_lengths import decode_mask
from e2ec.results.contours import Contours
from e2ec.results.formats.native import read_document
from e2ec.results.submission import cityscapes_files
from lib.images import decode_image
from lib.polygons.geometry import signed_area

SCHEMA = json.loads((Path(__file__).parents[3] / "docs" / "contours.schema.json").read_text())

masks = st.lists(
    arrays(bool, (HEIGHT, WIDTH)).filter(lambda mask: bool(mask.any())), min_size=1, max_size=3
)

whole = st.integers(1, 8)


def for_any_masks(test: Any) -> Any:
    return settings(max_examples=40, deadline=None)(given(found=masks)(test))


def for_any_polygons(test: Any) -> Any:
    """Rectangles with a corner and sides, in pixels, shifted by parts of a pixel."""
    pair, digits = st.tuples(whole, whole), st.integers(-25, 25).map(lambda n: n / 64)
    drawn = given(corner=pair, sides=pair, digits=digits)(test)
    return settings(max_examples=40, deadline=None)(drawn)


def refilled(parts: list[np.ndarray], holes: list[list[np.ndarray]]) -> np.ndarray:
    return components_to_mask(list(zip(parts, holes, strict=True)), HEIGHT, WIDTH)


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
