"""The formats: COCO results, LabelMe, GeoJSON, and the native format against its JSON Schema."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pytest
from pycocotools import mask as coco_mask

from e2ec.results.contours import Contours
from e2ec.results.formats.native import document, frame_line, read_document
from lib.errors import InputError

ROOT = Path(__file__).resolve().parents[3]
SCHEMA = json.loads((ROOT / "docs" / "contours.schema.json").read_text("utf-8"))
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)

SQUARE = np.array([[2.0, 2.0], [6.0, 2.0], [6.0, 6.0], [2.0, 6.0]])
TRIANGLE = np.array([[10.123, 1.004], [14.0, 1.0], [10.0, 4.0]])


@pytest.fixture
def contours() -> Contours:
    """A triangle of class "dirt" and an object of two squares of class "cell"."""
    return Contours(
        height=10,
        width=20,
        class_names=("cell", "dirt"),
        labels=np.array([1, 0]),
        scores=np.array([0.123456789, 1.0]),
        parts=[[TRIANGLE], [SQUARE, SQUARE[::-1] + np.array([10.0, 2.0])]],
        category_ids=(4, 9),
        source="folder/image.png",
    )


@pytest.fixture
def empty(contours: Contours) -> Contours:
    return contours[:0]


class TestCoco:
    def test_polygons(self, contours: Contours) -> None:
        first, second = contours.to_coco(17)
        assert first["image_id"] == 17
        assert first["category_id"] == 9
        assert first["score"] == 0.123456789
        assert first["segmentation"] == [[10.12, 1.0, 14.0, 1.0, 10.0, 4.0]]
        assert second["category_id"] == 4
        # x0, y0, width, height of the squares (2, 2)-(6, 6) and (12, 4)-(16, 8).
        assert second["bbox"] == [2.0, 2.0, 14.0, 6.0]
        assert second["area"] == 32.0
        assert len(second["segmentation"]) == 2

    def test_run_lengths_decode_to_the_masks(self, contours: Contours) -> None:
        results = contours.to_coco(1, segmentation="rle")
        decoded = np.stack([coco_mask.decode(result["segmentation"]) for result in results])
        assert (decoded == contours.to_masks()).all()

    @pytest.mark.parametrize("segmentation", ["polygon", "rle"])
    def test_results_are_plain_json(self, contours: Contours, segmentation: Any) -> None:
        results = contours.to_coco(1, segmentation=segmentation)
        assert json.loads(json.dumps(results)) == results

    def test_unknown_segmentation_is_refused(self, contours: Contours, empty: Contours) -> None:
        for value in (contours, empty):
            with pytest.raises(ValueError, match="segmentation"):
                value.to_coco(1, segmentation="mask")  # type: ignore[arg-type]


class TestLabelMe:
    def test_parts_of_an_instance_share_a_group(self, contours: Contours) -> None:
        shapes = contours.to_labelme()["shapes"]
        assert [s["label"] for s in shapes] == ["dirt", "cell", "cell"]
        assert [s["group_id"] for s in shapes] == [None, 1, 1]
        assert {s["shape_type"] for s in shapes} == {"polygon"}
        assert shapes[0]["points"] == [[10.12, 1.0], [14.0, 1.0], [10.0, 4.0]]

    def test_fields_of_labelme_five(self, contours: Contours) -> None:
        """What LabelMe 5 insists on when it opens a file: the image is named and not included."""
        written = contours.to_labelme()
        assert written["version"].startswith("5.") and written["flags"] == {}
        assert (written["imagePath"], written["imageData"]) == ("image.png", None)
        assert (written["imageHeight"], written["imageWidth"]) == (10, 20)
        assert contours.to_labelme("../a.jpg")["imagePath"] == "../a.jpg"
        for entry in written["shapes"]:
            assert {"label", "points", "shape_type", "flags", "group_id"} <= entry.keys()
        assert json.loads(json.dumps(written)) == written


class TestGeoJson:
    def test_geometries_and_properties(self, contours: Contours) -> None:
        collection = contours.to_geojson()
        assert collection["type"] == "FeatureCollection"
        types = [feature["geometry"]["type"] for feature in collection["features"]]
        assert types == ["Polygon", "MultiPolygon"]
        assert collection["features"][0]["properties"] == {
            "class": "dirt",
            "class_index": 1,
            "score": 0.123457,
        }
        assert collection["image"] == {"source": "folder/image.png", "width": 20, "height": 10}
        assert json.loads(json.dumps(collection)) == collection

    def test_reversing_keeps_the_first_vertex(self, contours: Contours) -> None:
        squares = contours.to_geojson()["features"][1]["geometry"]["coordinates"]
        assert squares[0][0][:4] == [[2, 2], [6, 2], [6, 6], [2, 6]]
        # The second square came clockwise in the plane, beginning at (2 + 10, 6 + 2).
        assert squares[1][0][:4] == [[12, 8], [12, 4], [16, 4], [16, 8]]


class TestNative:
    def test_documents_follow_the_schema(self, contours: Contours, empty: Contours) -> None:
        VALIDATOR.check_schema(SCHEMA)
        for images in ([], [contours], [empty], [contours, empty, contours]):
            written = json.loads(json.dumps(document(images)))
            VALIDATOR.validate(written)
            assert len(written["images"]) == len(images)
            # A result of length 0 is falsy; the document must not take it for no result.
            assert written["class_names"] == (["cell", "dirt"] if images else [])

    def test_a_document_is_read_back(self, contours: Contours, empty: Contours) -> None:
        written = document([contours, empty])
        read = read_document(json.loads(json.dumps(written)))
        assert document(read) == written

    def test_a_frame_is_one_line_with_its_time(self, contours: Contours) -> None:
        line = frame_line(contours, frame=3, time_s=0.12)
        assert line.endswith("\n")
        assert line.count("\n") == 1
        value = json.loads(line)
        VALIDATOR.validate(value)
        assert (value["frame"], value["time_s"]) == (3, 0.12)
        assert Contours.from_json(line).to_dict() == contours.to_dict()

    def test_numbers_are_rounded(self, contours: Contours) -> None:
        instance = contours.to_dict()["images"][0]["instances"][0]
        assert instance["parts"][0][0] == [10.12, 1.0]
        assert instance["score"] == 0.123457
        fine = contours.to_dict(decimals=3)["images"][0]["instances"][0]
        assert fine["parts"][0][0] == [10.123, 1.004]

    def test_images_of_one_document_share_their_classes(self, contours: Contours) -> None:
        other = Contours(10, 20, ("tree",), np.zeros(0, np.int64), np.zeros(0), [])
        with pytest.raises(ValueError, match="same classes"):
            document([contours, other])

    def test_the_example_of_the_documentation_follows_the_schema(self) -> None:
        text = (ROOT / "docs" / "contours.md").read_text("utf-8")
        example = json.loads(text.split("```json\n")[1].split("```")[0])
        VALIDATOR.validate(example)
        (read,) = read_document(example)
        assert document([read]) == example

    @pytest.mark.parametrize(
        ("path", "value"),
        [
            (("format",), "other"),
            (("version",), 2),
            (("version",), True),
            (("class_names",), "cell"),
            (("class_names",), [1, 2]),
            (("category_ids",), [4, 4]),
            (("category_ids",), ["4", "9"]),
            (("images",), {}),
            (("images",), [1]),
            (("extra",), 1),
            (("images", 0, "extra"), 1),
            (("images", 0, "source"), 5),
            (("images", 0, "width"), 0),
            (("images", 0, "height"), 10.5),
            (("images", 0, "height"), "10"),
            (("images", 0, "instances"), None),
            (("images", 0, "instances", 0, "extra"), 1),
            (("images", 0, "instances", 0, "class_index"), -1),
            (("images", 0, "instances", 0, "class_index"), True),
            (("images", 0, "instances", 0, "score"), 1.5),
            (("images", 0, "instances", 0, "score"), "0.5"),
            (("images", 0, "instances", 0, "parts"), []),
            (("images", 0, "instances", 0, "parts"), [[[0, 0], [1, 1]]]),
            (("images", 0, "instances", 0, "parts"), [[[0, 0], [1, 1], [2]]]),
            (("images", 0, "instances", 0, "parts"), [[[0, 0], [1, 1], [2, "3"]]]),
            (("images", 0, "instances", 0, "parts"), [[[0, 0], [1, 1], {"x": 2}]]),
        ],
    )
    def test_reader_and_schema_refuse_the_same(
        self, contours: Contours, path: tuple, value: Any
    ) -> None:
        broken = changed(contours, path, value)
        with pytest.raises(InputError, match=r"^a\.json: "):
            read_document(broken, name="a.json")
        assert not VALIDATOR.is_valid(broken)

    @pytest.mark.parametrize(
        ("path", "value"),
        [
            (("category_ids",), [4]),
            (("images", 0, "instances", 0, "class_index"), 2),
            (("images", 0, "instances", 0, "class"), "cell"),
            (("images", 0, "instances", 0, "score"), float("nan")),
            (("images", 0, "instances", 0, "parts"), [[[0, 0], [1, 1], [2, float("inf")]]]),
            (("images", 0, "instances", 0, "parts"), [[[0, 0], [1, 1], [2, 10**400]]]),
        ],
    )
    def test_the_reader_refuses_what_a_schema_cannot_express(
        self, contours: Contours, path: tuple, value: Any
    ) -> None:
        with pytest.raises(InputError, match=r"^a\.json: "):
            read_document(changed(contours, path, value), name="a.json")

    @pytest.mark.parametrize("path", [(), ("images", 0), ("images", 0, "instances", 0)])
    def test_every_field_is_required(self, contours: Contours, path: tuple) -> None:
        for key in at(contours.to_dict(), path):
            broken = contours.to_dict()
            del at(broken, path)[key]
            assert not VALIDATOR.is_valid(broken)
            with pytest.raises(InputError):
                read_document(broken)

    @pytest.mark.parametrize("value", [None, [], 3, "text", {}])
    def test_other_json_is_refused(self, value: Any) -> None:
        with pytest.raises(InputError, match="not a contours document"):
            read_document(value)


def at(value: Any, path: tuple) -> Any:
    for key in path:
        value = value[key]
    return value


def changed(contours: Contours, path: tuple, value: Any) -> dict[str, Any]:
    """The document of `contours` with one value replaced or added."""
    result = copy.deepcopy(contours.to_dict())
    at(result, path[:-1])[path[-1]] = value
    return result
