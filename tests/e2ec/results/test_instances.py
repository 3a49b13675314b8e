"""Instances as polygons with holes and as masks: the data, what is made of it, what is refused."""

from __future__ import annotations

import pickle
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from pycocotools import mask as coco_mask
from shapely.geometry import shape
from small_instances import FRAME, HEIGHT, HOLE, OUTER, WIDTH, of_masks, of_polygons

from dataset.masks.run_lengths import encode_mask
from e2ec.results import shapes as shapes_module
from e2ec.results.contours import Contours
from e2ec.results.draw.visualize import draw_contours
from e2ec.results.formats.coco import coco_results
from e2ec.results.formats.geojson import feature_collection
from e2ec.results.formats.labelme import labelme_document
from e2ec.results.formats.native import document
from e2ec.results.instances import Instances
from e2ec.results.masks import dense_masks
from lib.errors import InputError


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

    def test_traced_rings_compare_and_show_as_lists(self) -> None:
        contours = of_masks([FRAME, ~FRAME])
        parts, holes = contours.parts[:], contours.holes[:]
        assert contours.parts == parts and parts == contours.parts and contours.holes == holes
        assert contours.parts == contours.parts and contours.parts != parts[:1]
        assert repr(contours.parts) == repr(parts) and repr(contours.holes) == repr(holes)

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
