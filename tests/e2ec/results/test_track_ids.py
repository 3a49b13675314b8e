"""Numbers of tracks: kept through selections and files, drawn, and handed to supervision."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from jsonschema import Draft202012Validator
from small_instances import of_polygons

from e2ec.results.contours import Contours
from e2ec.results.draw.visualize import draw_contours
from e2ec.results.formats.native import frame_line
from e2ec.results.formats.native_reader import read_images
from lib.errors import InputError

SCHEMA = Path(__file__).parents[3] / "docs" / "contours.schema.json"
BOX = np.array([[0.0, 0.0], [4.0, 0.0], [4.0, 4.0], [0.0, 4.0]])


def tracked(*ids: int, shift: float = 0.0) -> Contours:
    return Contours(
        height=40,
        width=60,
        class_names=("a", "b"),
        labels=np.arange(len(ids)) % 2,
        scores=np.linspace(0.9, 0.5, len(ids)),
        parts=[[BOX + 10.0 * i + shift] for i in range(len(ids))],
        track_ids=np.array(ids),
    )


def test_a_selection_keeps_them() -> None:
    contours = tracked(7, -1, 3)
    assert contours[[2, 0]].track_ids.tolist() == [3, 7]  # type: ignore[union-attr]
    assert [instance.track_id for instance in contours.filter(min_score=0.6)] == [7, -1]
    with pytest.raises(ValueError, match="track ids"):
        Contours(5, 5, ("a",), np.zeros(1, int), np.ones(1), [[BOX]], track_ids=np.array([1, 2]))


def test_a_line_of_a_video_carries_them() -> None:
    line = json.loads(frame_line(tracked(7, -1), frame=3, time_s=0.12))
    Draft202012Validator(json.loads(SCHEMA.read_text())).validate(line)
    assert [entry["track_id"] for entry in line["images"][0]["instances"]] == [7, -1]
    (back,) = read_images(line, Contours)
    assert back.track_ids is not None and back.track_ids.tolist() == [7, -1]
    assert "track_id" not in frame_line(of_polygons(), frame=0, time_s=0.0)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda entries: entries[0].update(track_id="7"), "whole number"),
        (lambda entries: entries[0].update(track_id=-2), "whole number"),
        (lambda entries: entries[0].update(track_id=2**63), "whole number"),
        (lambda entries: entries[0].pop("track_id"), "all instances or in none"),
    ],
)
def test_unusable_ones_are_refused(change, message: str) -> None:  # type: ignore[no-untyped-def]
    document = tracked(1, 2).to_dict()
    change(document["images"][0]["instances"])
    with pytest.raises(InputError, match=message):
        Contours.from_dict(document)


def test_a_colour_follows_its_track() -> None:
    image = np.zeros((40, 60, 3), np.uint8)

    def color(contours: Contours, at: int) -> list[int]:
        picture = draw_contours(image, contours, color_by="track", fill=1.0, labels=False)
        return picture[at, at].tolist()

    assert color(tracked(5, 9), 2) == color(tracked(9, 5), 12) != color(tracked(5, 9), 12)
    red, green, blue = color(tracked(-1), 2)
    assert red == green == blue > 0


def test_supervision_counts_who_crosses_a_line() -> None:
    sv = pytest.importorskip("supervision")
    line = sv.LineZone(start=sv.Point(25, 40), end=sv.Point(25, 0))
    for step in range(12):
        line.trigger(tracked(4, shift=4.0 * step).to_supervision(masks=False))
    assert (line.in_count, line.out_count) in {(1, 0), (0, 1)}
    found = tracked(4, -1).to_supervision()
    assert found.mask.shape == (2, 40, 60) and found.mask.dtype == bool
    assert found.mask[0].sum() == 16
    assert found.data["class_name"].tolist() == ["a", "b"]
    assert found.tracker_id.tolist() == [4, -1]
    assert found.xyxy.tolist() == [[0, 0, 4, 4], [10, 10, 14, 14]]
