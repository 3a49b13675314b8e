"""Polygons for other programs: valid, covering what the masks show, and untouched where they were
valid."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import shapely
from shapely.geometry import shape

from e2ec.app.commands.convert import ConvertOptions, convert
from e2ec.results.contours import Contours
from e2ec.results.formats.geojson import feature_collection
from e2ec.results.postprocess import even_odd as even_odd_module
from e2ec.results.postprocess.even_odd import even_odd
from e2ec.results.postprocess.valid_polygons import mend

SQUARE = np.array([[2.0, 2.0], [12.0, 2.0], [12.0, 12.0], [2.0, 12.0]])
# Two triangles of 10 x 5 / 2 that meet at (7, 7), walked as an eight.
BOW = np.array([[2.0, 2.0], [12.0, 12.0], [12.0, 2.0], [2.0, 12.0]])
# The square, and from its last corner a spike without area.
SPIKED = np.array([[2.0, 2.0], [12.0, 2.0], [12.0, 12.0], [2.0, 12.0], [2.0, 30.0], [2.0, 12.0]])
LINE = np.array([[2.0, 2.0], [8.0, 8.0], [5.0, 5.0]])


def scene(*parts: list[np.ndarray]) -> Contours:
    count = len(parts)
    return Contours(40, 50, ("cell",), np.zeros(count, np.int64), np.ones(count), list(parts))


def tangles(count: int) -> list[np.ndarray]:
    """Polygons that cross themselves many times."""
    rng = np.random.default_rng(0)
    return [rng.uniform(1, 39, (rng.integers(5, 30), 2)) for _ in range(count)]


def test_valid_contours_are_left_as_they_are() -> None:
    two = [SQUARE, SQUARE[::-1] + np.array([20.0, 0.0])]
    one, both = scene([SQUARE], two).to_shapely()
    assert np.array_equal(np.array(one.exterior.coords)[:-1], SQUARE)
    assert both.geom_type == "MultiPolygon"
    assert [np.array(p.exterior.coords)[:-1].tolist() for p in both.geoms] == [
        part.tolist() for part in two
    ]
    assert not mend([(SQUARE, [])]).changed


def test_an_eight_becomes_its_two_lobes() -> None:
    """The shoelace formula gives it no area: the lobes are walked in opposite directions."""
    mended = mend([(BOW, [])])
    assert mended.changed and mended.geometry.is_valid
    assert sorted(part.area for part in mended.geometry.geoms) == [25.0, 25.0]
    assert (mended.area_before, mended.area_change, mended.area_change_percent) == (0, 50, 100)


def test_lines_are_dropped() -> None:
    mended = mend([(SPIKED, [])])
    assert mended.geometry.geom_type == "Polygon" and mended.geometry.area == 100
    assert mended.changed and mended.area_change == 0
    for degenerate in (LINE, np.full((3, 2), 4.0)):
        nothing = mend([(degenerate, [])])
        assert nothing.geometry.is_empty and nothing.area_change_percent == 0
    assert scene([LINE]).to_shapely()[0].is_empty


def test_overlapping_parts_are_united() -> None:
    """Two squares of 100 with 25 in common; each alone is valid."""
    mended = mend([(SQUARE, []), (SQUARE + 5, [])])
    assert mended.geometry.geom_type == "Polygon" and mended.geometry.area == 175
    assert (mended.area_before, mended.area_change) == (200, -25)


def test_holes_stay_holes() -> None:
    hole = SQUARE * 0.5 + 3  # 25 square pixels
    kept = mend([(SQUARE, [hole])])
    assert not kept.changed and kept.geometry.area == 75 == kept.area_before
    outside = mend([(SQUARE, [hole + np.array([4.0, 0.0])])])  # reaches to x = 13
    assert outside.changed and outside.geometry.is_valid
    assert outside.geometry.area == 100 - 20
    crossing = mend([(BOW, [BOW * 0.2 + 5.6])])
    assert crossing.geometry.is_valid and crossing.geometry.area == pytest.approx(50 * 0.96)


def test_tangles_cover_what_the_masks_show() -> None:
    """Pixels whose centre is not near an edge are decided the same way."""
    contours = scene(*[[points] for points in tangles(40)])
    ys, xs = np.mgrid[:40, :50] + 0.5
    centres = shapely.points(xs, ys)
    shown = contours.to_masks().astype(bool)
    for geometry, mask, parts in zip(contours.to_shapely(), shown, contours.parts, strict=True):
        assert geometry.is_valid and geometry.area > 0
        clear = shapely.distance(shapely.LinearRing(parts[0]), centres) > 1
        assert clear.sum() > 100
        assert np.array_equal(shapely.contains(geometry, centres)[clear], mask[clear])


@pytest.mark.parametrize("decimals", [0, 1, 2, None])
def test_geojson_is_valid_as_it_is_written(decimals: int | None) -> None:
    """Rounding moves the vertices that stand at crossings, and may close narrow places."""
    rng = np.random.default_rng(3)
    wobbly = [
        (20 + 6 * np.stack([np.cos(t), np.sin(t)], 1) * rng.uniform(0.02, 1, (128, 1)))
        for t in [np.linspace(0, 2 * np.pi, 128, endpoint=False)] * 40
    ]
    contours = scene(*[[points] for points in [*tangles(40), *wobbly]])
    document = feature_collection(contours, decimals=decimals)
    assert len(document["features"]) == 80
    mended = 0
    for feature in json.loads(json.dumps(document))["features"]:
        geometry = shape(feature["geometry"])
        assert geometry.is_valid and geometry.area > 0
        polygons = getattr(geometry, "geoms", [geometry])
        assert all(p.exterior.is_ccw and not any(r.is_ccw for r in p.interiors) for p in polygons)
        mended += feature["properties"].get("mended", False)
        if decimals is not None:
            points = shapely.get_coordinates(geometry)
            assert np.array_equal(points, np.round(points, decimals))
    assert mended >= 39  # nearly every tangle


def test_geojson_says_what_was_mended() -> None:
    features = scene([SQUARE], [BOW], [LINE]).to_geojson()["features"]
    assert [feature["properties"].get("mended") for feature in features] == [None, True]
    assert features[1]["properties"]["area_change"] == 50.0
    assert features[1]["properties"]["area_change_percent"] == 100.0
    assert features[1]["geometry"]["type"] == "MultiPolygon"


def test_converting_says_how_many_outlines_were_mended(tmp_path: Path) -> None:
    """Of four objects one crosses itself, one has a corner that rounding folded over (100 square
    pixels become 100.5), and one is a line; the last cannot be written."""
    folded = [2, 2, 12, 2, 12, 12, 11, 13, 12, 13, 11, 12, 2, 12]
    outlines = [SQUARE.ravel().tolist(), BOW.ravel().tolist(), folded, LINE.ravel().tolist()]
    document = {
        "images": [{"id": 1, "file_name": "a.png", "width": 50, "height": 40}],
        "categories": [{"id": 1, "name": "cell"}],
        "annotations": [
            {"id": n, "image_id": 1, "category_id": 1, "segmentation": [outline]}
            for n, outline in enumerate(outlines, 1)
        ],
    }
    (tmp_path / "labels.json").write_text(json.dumps(document))
    line = convert(ConvertOptions(tmp_path / "labels.json", "geojson", tmp_path / "out"))
    assert "3 objects" in line and "1 objects without any area" in line
    assert "2 of 3 outlines crossed themselves or overlapped and were mended" in line
    assert "(area changed by at most 100 %)" in line
    features = json.loads((tmp_path / "out/a.geojson").read_text())["features"]
    assert [f["properties"].get("mended", False) for f in features] == [False, True, True]
    assert all(shape(feature["geometry"]).is_valid for feature in features)


def test_thousands_of_crossings_are_mended_as_few_are(monkeypatch: pytest.MonkeyPatch) -> None:
    """`make_valid` would take minutes for some hundred random points."""
    rng = np.random.default_rng(0)
    ring = rng.uniform(0, 1000, (60, 2))
    plain = shapely.make_valid(shapely.Polygon(ring))
    monkeypatch.setattr(even_odd_module, "_TANGLED", 0)
    faces = even_odd(ring)
    assert faces.is_valid and faces.symmetric_difference(plain).area < 1e-6

    def minutes(*_: object, **__: object) -> None:
        raise AssertionError("would take minutes")

    monkeypatch.undo()
    monkeypatch.setattr(shapely, "make_valid", minutes)
    assert mend([(rng.uniform(0, 1000, (200, 2)), [])]).geometry.is_valid
