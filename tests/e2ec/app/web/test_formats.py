"""Every format, read back by the project's own readers."""

from __future__ import annotations

import io
import json
import re
import zipfile
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

pytest.importorskip("fastapi")

from dataset.formats.detect import detect_format, format_named
from dataset.masks.rasterize import annotation_mask
from dataset.masks.run_lengths import encode_mask
from e2ec.app.web.documents import check_masks, read_contours
from e2ec.app.web.formats import FORMATS
from e2ec.app.web.limits import Limits
from e2ec.app.web.refusal import Refusal
from e2ec.app.web.tangles import check_tangles
from e2ec.convert.source import open_source
from e2ec.results.contours import Contours

SQUARE = np.array([[10.0, 10.0], [30.0, 10.0], [30.0, 30.0], [10.0, 30.0]])
HOLE = np.array([[15.0, 15.0], [20.0, 15.0], [20.0, 20.0], [15.0, 20.0]])


def scene(source: str | None = "../../scene one.png") -> Contours:
    """Two overlapping polygons, one of them of two parts and with a hole, and an exact mask."""
    mask = np.zeros((60, 80), bool)
    mask[40:50, 50:70] = True
    return Contours(
        height=60,
        width=80,
        class_names=("cell", "=cmd|x", "<b>"),
        category_ids=(5, 6, 9),
        labels=np.array([0, 2, 1]),
        scores=np.array([0.9, 0.8, 0.7]),
        parts=[[SQUARE, SQUARE + np.array([40.0, 0.0])], [SQUARE + 5.25], []],
        holes=[[[HOLE], []], [], []],
        runs=[None, None, encode_mask(mask)],
        source=source,
    )


def exact(contours: Contours) -> np.ndarray:
    return contours.to_masks().astype(bool)


def read(path: Path, kind: str, images: Path | None = None) -> tuple[np.ndarray, list[int]]:
    """Masks (n, 60, 80) and category ids of what the project's own reader finds."""
    assert detect_format(path).name == kind
    index = open_source(path, format_named(kind), "val", images).index
    assert len(index) == 1 and index.categories == {5: "cell", 6: "=cmd|x", 9: "<b>"}
    found = index.annotations(0)
    masks = [annotation_mask(one, 60, 80).astype(bool) for one in found]
    return np.stack(masks), [one.category_id for one in found]


def assert_same(found: tuple[np.ndarray, list[int]], least: float = 0.98) -> None:
    """Every instance is there once, with its class: intersection over union of masks."""
    masks, categories = found
    for mask, category in zip(exact(scene()), (5, 9, 6), strict=True):
        other = masks[categories.index(category)]
        assert (mask & other).sum() / (mask | other).sum() >= least
    assert len(masks) == 3


def unpack(data: bytes, folder: Path) -> Path:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert not any(name.startswith("/") or ".." in name for name in archive.namelist())
        archive.extractall(folder)
    return folder


def write_image(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(folder / "scene_one.png"), np.zeros((60, 80, 3), np.uint8))
    return folder


def test_native_comes_back() -> None:
    again = read_contours(FORMATS["native"].download(scene()).data, Limits())
    assert (exact(again) == exact(scene())).all()
    assert again.source == "scene one.png"


def test_coco_is_read(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_bytes(FORMATS["coco"].download(scene()).data)
    assert_same(read(tmp_path / "a.json", "coco"))


def test_yolo_is_read(tmp_path: Path) -> None:
    folder = unpack(FORMATS["yolo"].download(scene()).data, tmp_path)
    write_image(folder / "images" / "val")
    assert_same(read(folder, "yolo"))


def test_masks_are_read_with_their_overlap(tmp_path: Path) -> None:
    folder = unpack(FORMATS["masks"].download(scene()).data, tmp_path)
    write_image(folder / "images")
    assert_same(read(folder, "masks"), least=1.0)


def test_labelme_is_read() -> None:
    document = json.loads(FORMATS["labelme"].download(scene("x/y.png")).data)
    assert [shape["shape_type"] for shape in document["shapes"]] == ["mask", "polygon", "polygon"]
    assert document["imageHeight"] == 60 and document["imageData"] is None


def test_geojson_keeps_holes() -> None:
    document = json.loads(FORMATS["geojson"].download(scene()).data)
    kinds = [feature["geometry"]["type"] for feature in document["features"]]
    assert kinds == ["MultiPolygon", "Polygon", "Polygon"]
    assert len(document["features"][0]["geometry"]["coordinates"][0]) == 2


@pytest.mark.parametrize("kind", list(FORMATS))
@pytest.mark.parametrize("source", ["../../etc/passwd", 'a\r\nb".png', "..", None, "x" * 3000])
def test_names_of_files_are_harmless(kind: str, source: str | None) -> None:
    made = FORMATS[kind].download(scene(source))
    assert re.fullmatch(r"[A-Za-z0-9_-]{1,130}(\.json|\.geojson|\.zip)", made.name)
    assert made.data


@pytest.mark.parametrize("kind", list(FORMATS))
def test_a_picture_without_objects_has_a_file_too(kind: str) -> None:
    assert FORMATS[kind].download(scene()[[]]).data


def _edited(**changes: object) -> bytes:
    value = scene().to_dict()
    value["images"][0] |= changes
    return json.dumps(value).encode()


_FIRST = {"class": "cell", "class_index": 0, "score": 1.0}


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"", 422),
        (b"\xff\xfe", 422),
        (b"[" * 100_000, 422),
        (b"[]", 422),
        (b'{"format": "e2ec-contours", "version": 2}', 422),
        (_edited(width=10**9, instances=[]), 413),
        (_edited(width=-1), 422),
        (_edited(width=1e400), 422),
        (_edited(instances=[{"class": "cell"}]), 422),
        (_edited(width=float("nan")), 422),
        (_edited(instances=[{**_FIRST, "class": "\ud800"}]), 422),
        (json.dumps(replace(scene(), class_names=("\ud800", "b", "c")).to_dict()).encode(), 422),
    ],
)
def test_documents_that_are_refused(data: bytes, status: int) -> None:
    with pytest.raises(Refusal) as refused:
        read_contours(data, Limits())
    assert refused.value.status == status
    assert refused.value.message.encode("utf-8")


def test_points_far_outside_are_refused() -> None:
    """Their squares would be infinite, in the area for one."""
    first = scene().to_dict()["images"][0]["instances"][0]
    kept = {key: first[key] for key in ("class", "class_index", "score", "box", "area")}
    read_contours(_edited(instances=[{**kept, "parts": [[[0, 0], [1e6, -1e6], [5, 5]]]}]), Limits())
    with pytest.raises(Refusal, match="too far outside"):
        read_contours(
            _edited(instances=[{**kept, "parts": [[[0, 0], [1e308, 0], [5, 5]]]}]), Limits()
        )


def _many(count: int, step: float, side: int) -> Contours:
    return Contours(
        height=side,
        width=side,
        class_names=("a",),
        labels=np.zeros(count, int),
        scores=np.ones(count),
        parts=[[SQUARE + np.array([step * i, 0.0])] for i in range(count)],
    )


def test_too_many_instances_or_points_are_refused() -> None:
    limits = Limits(instances=3, ring_points=5)
    for contours, text in (
        (_many(4, 1.0, 80), "instances"),
        (replace(_many(1, 1.0, 80), parts=[[np.repeat(SQUARE, 2, axis=0)]]), "points"),
    ):
        with pytest.raises(Refusal, match=text):
            read_contours(json.dumps(contours.to_dict()).encode(), limits)


def test_masks_that_would_fill_the_memory_are_refused() -> None:
    """1,000 squares one upon the other need as many layers; side by side they need one."""
    check_masks(_many(1000, 25.0, 4000))
    with pytest.raises(Refusal, match="overlap"):
        check_masks(_many(1000, 0.0, 4000))


def _one(*rings: np.ndarray) -> Contours:
    return replace(_many(1, 1.0, 1000), parts=[list(rings)], holes=[[[] for _ in rings]])


def test_a_tangle_that_would_take_minutes_to_mend_is_refused_at_once() -> None:
    rng = np.random.default_rng(0)
    for rings in (
        [rng.uniform(0, 1000, (200, 2))],
        [rng.uniform(0, 1000, (20_000, 2))],
        [np.zeros((20_000, 2))],
        [rng.uniform(0, 1000, (3, 2)) for _ in range(200)],
    ):
        with pytest.raises(Refusal, match="untangle"):
            check_tangles(_one(*rings))


def test_contours_that_cross_themselves_a_little_pass() -> None:
    turn = np.linspace(0, 2 * np.pi, 10_000, endpoint=False)
    circle = 500 + 400 * np.stack([np.cos(turn), np.sin(turn)], 1)
    check_tangles(_one(circle))
    eight = np.stack([500 + 400 * np.sin(turn), 500 + 200 * np.sin(2 * turn)], 1)[::40]
    check_tangles(_one(eight))
    small = 500 + 10 * np.stack([np.cos(turn), np.sin(turn)], 1)[::78]
    check_tangles(replace(_many(2000, 1.0, 1000), parts=[[small]] * 2000))
    check_tangles(scene())
    check_tangles(scene()[[]])
