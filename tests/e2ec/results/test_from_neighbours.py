"""Contours made from what others hold, and given to them."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from label_scenes import HEIGHT, WIDTH, ring_mask
from pycocotools import mask as coco_mask
from results_to_write import results
from small_instances import FRAME, HOLE, OUTER, of_masks, of_polygons

from e2ec.results.contours import Contours
from lib.errors import InputError


class TestCoco:
    def read(self, entries: list[dict[str, Any]]) -> Contours:
        return Contours.from_coco(entries, height=9, width=11, categories={1: "a", 2: "b"})

    @pytest.mark.parametrize("kind", ["polygon", "rle"])
    def test_there_and_back(self, kind: Any) -> None:
        contours = of_polygons() + of_masks([FRAME])
        read = self.read(json.loads(json.dumps(contours.to_coco(1, segmentation=kind))))
        assert (read.to_masks() == contours.to_masks()).all()
        assert read.scores.tolist() == contours.scores.tolist()
        assert read.class_names == contours.class_names
        assert [len(inner) for holes in read.holes for inner in holes][:1] == [1]

    def test_what_pycocotools_encodes_is_read(self) -> None:
        """Bytes for counts, and a list of lengths; annotations have score 1."""
        code = coco_mask.encode(np.asfortranarray(FRAME.astype(np.uint8)))
        lengths = {"size": [9, 11], "counts": of_masks([FRAME]).runs[0].tolist()}
        read = self.read([{"category_id": 2, "segmentation": code},
                          {"category_id": 1, "segmentation": lengths},
                          {"category_id": 1, "segmentation": [HOLE.ravel()]}])  # fmt: skip
        assert (read.to_masks()[:2] == FRAME).all()
        assert read.labels.tolist() == [1, 0, 0] and read.scores.tolist() == [1, 1, 1]

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            ({"category_id": 7}, "category 7 is not known"),
            ({"segmentation": []}, "must be polygons or run lengths"),
            ({"segmentation": [[1, 2, 3, 4]]}, "at least three points"),
            ({"segmentation": [[1, 2, 3, 4, 5, "6"]]}, "at least three points"),
            ({"segmentation": [[1, 2, 3, 4, 5, 6, 7]]}, "at least three points"),
            ({"segmentation": {"size": [9, 9], "counts": [81]}}, "not of 11 x 9 pixels"),
            ({"segmentation": {"size": [9, 11], "counts": [1]}}, "do not fill"),
            ({"segmentation": {"size": [9, 11], "counts": [99]}}, "the mask is empty"),
            ({"segmentation": [[0, 0, 1, 0, 1, float("nan")]]}, "not finite"),
            ({"score": 2}, "between 0 and 1"),
            ({"score": "high"}, "could not convert"),
        ],
    )
    def test_bad_entries(self, change: dict[str, Any], message: str) -> None:
        entry = {"category_id": 1, "segmentation": [OUTER.ravel().tolist()]}
        with pytest.raises(InputError, match=message):
            self.read([{**entry, **change}])


class TestMasks:
    def test_masks_and_numbers(self) -> None:
        numbers = np.zeros((HEIGHT, WIDTH), np.uint16)
        numbers[ring_mask()] = 700
        numbers[0, 0] = 3
        read = Contours.from_masks(numbers, source="a.png")
        assert (read.to_masks() == np.stack([numbers == 3, numbers == 700])).all()
        assert read.class_names == ("object",) and read.source == "a.png"
        stack = np.stack([ring_mask(), np.zeros((HEIGHT, WIDTH)), numbers == 3])
        read = Contours.from_masks(
            stack, class_names=["x", "y"], labels=[1, 0, 0], scores=[0.5, 0.2, 0.3]
        )
        assert read.labels.tolist() == [1, 0] and read.scores.tolist() == [0.5, 0.3]
        assert len(Contours.from_masks(np.zeros((0, 5, 4)))) == 0

    @pytest.mark.parametrize(
        ("masks", "more", "message"),
        [
            (np.zeros((4, 5)), {}, r"not \(4, 5\) float64"),
            (np.ones((2, 4, 5)), {"labels": [0]}, "2 masks need as many"),
            (np.ones((1, 4, 5)), {"labels": [1]}, "class indices below 1"),
        ],
    )
    def test_what_does_not_belong_together(
        self, masks: np.ndarray, more: dict[str, Any], message: str
    ) -> None:
        with pytest.raises(InputError, match=message):
            Contours.from_masks(masks, **more)


class TestLabelMe:
    def test_there_and_back(self) -> None:
        """Parts by their group, holes as masks, scores."""
        for item in results():
            contours = item.contours
            document = json.loads(json.dumps(contours.to_labelme()))
            read = Contours.from_labelme(document, class_names=contours.class_names)
            order = np.argsort(-read.scores)
            assert (
                read[order].to_masks() == contours[np.argsort(-contours.scores)].to_masks()
            ).all()
            assert sorted(read.scores) == sorted(contours.scores)
            assert sorted(read.labels) == sorted(contours.labels)

    def test_labels_that_are_found_are_the_classes(self) -> None:
        document = results()[0].contours.to_labelme()
        document["shapes"].append({**document["shapes"][0], "shape_type": "point"})
        read = Contours.from_labelme(document)
        assert read.class_names == tuple(sorted(read.class_names)) and len(read) == 3
        with pytest.raises(InputError, match="is not among the classes"):
            Contours.from_labelme(document, class_names=["x"])

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            ({"shapes": None}, "not a LabelMe document"),
            ({"imageHeight": "9"}, "not a LabelMe document"),
            ({"shapes": [3]}, "shape 0: must be an object"),
            ({"shapes": [{"label": "a", "points": [[0, 0], [1, 1]]}]}, "N >= 3"),
        ],
    )
    def test_bad_documents(self, change: dict[str, Any], message: str) -> None:
        with pytest.raises(InputError, match=message):
            Contours.from_labelme({**results()[0].contours.to_labelme(), **change})


def test_geopandas() -> None:
    geopandas = pytest.importorskip("geopandas", reason="the extra geo")
    line = np.array([[0.0, 0.0], [4.0, 4.0], [8.0, 8.0]])
    contours = of_polygons() + of_polygons(parts=[[line]], holes=[[[]]]) + of_masks([FRAME])
    frame = contours.to_geopandas()
    assert isinstance(frame, geopandas.GeoDataFrame) and frame.crs is None
    assert frame.index.tolist() == [0, 2]  # a line has no area
    assert frame.geometry.is_valid.all()
    assert frame.geometry.area.tolist() == [48 - 4, FRAME.sum()]
    assert frame["class"].tolist() == ["a", "a"] and frame["score"].tolist() == [0.5, 0.5]
    assert len(of_polygons()[:0].to_geopandas()) == 0


def test_missing_geopandas(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "geopandas", None)
    with pytest.raises(InputError, match=r'pip install "e2ec\[geo\]"'):
        of_polygons().to_geopandas()
