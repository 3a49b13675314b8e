"""Identities: one number an object, through gaps, in any order; contours where boxes mislead."""

from __future__ import annotations

import sys
from typing import Literal

import numpy as np
import pytest

from e2ec.app.tracks.settings import TrackSettings
from e2ec.app.tracks.tracker import make_tracker
from e2ec.results.contours import Contours
from lib.errors import InputError

RATE = 25.0
SQUARE = np.array([[0.0, 0.0], [20.0, 0.0], [20.0, 20.0], [0.0, 20.0]])
LOWER_LEFT = np.array([[0.0, 0.0], [40.0, 40.0], [0.0, 40.0]])
UPPER_RIGHT = np.array([[0.0, 0.0], [40.0, 0.0], [40.0, 40.0]])


def moved(polygon: np.ndarray, x: float, y: float) -> np.ndarray:
    return polygon + np.array([x, y])


def found(*polygons: np.ndarray, scores: float = 0.9) -> Contours:
    count = len(polygons)
    return Contours(
        height=120,
        width=200,
        class_names=("thing",),
        labels=np.zeros(count, np.int64),
        scores=np.full(count, scores),
        parts=[[polygon] for polygon in polygons],
    )


def ids(contours: Contours) -> list[int]:
    assert contours.track_ids is not None
    return contours.track_ids.tolist()


class TestSettings:
    @pytest.mark.parametrize("wrong", [{"score": 1.5}, {"gap_s": -1.0}, {"smooth": 11.0}])
    def test_numbers_out_of_range_are_refused(self, wrong: dict[str, float]) -> None:
        with pytest.raises(ValueError, match=next(iter(wrong))):
            TrackSettings(**wrong)

    def test_a_missing_extra_is_named(self, monkeypatch: pytest.MonkeyPatch) -> None:
        for name in ("identities", "contour_iou"):
            monkeypatch.delitem(sys.modules, f"e2ec.app.tracks.{name}", raising=False)
        monkeypatch.setitem(sys.modules, "trackers", None)
        with pytest.raises(InputError, match=r"pip install -e '\.\[track\]'"):
            make_tracker()


class TestIdentities:
    @pytest.fixture(autouse=True)
    def _extra(self) -> None:
        pytest.importorskip("trackers")

    @pytest.mark.parametrize("method", ["bytetrack", "ocsort"])
    @pytest.mark.parametrize("matching", ["boxes", "contours"])
    def test_numbers_follow_objects_in_any_order(
        self, method: Literal["bytetrack", "ocsort"], matching: Literal["boxes", "contours"]
    ) -> None:
        track = make_tracker(TrackSettings(method=method, matching=matching), frame_rate=RATE)
        left: list[int] = []
        right: list[int] = []
        for step in range(12):
            one, other = moved(SQUARE, 10 + 2 * step, 20), moved(SQUARE, 150 - 2 * step, 60)
            if step % 2:
                first, second = ids(track(step / RATE, found(one, other)))
            else:
                second, first = ids(track(step / RATE, found(other, one)))
            left.append(first)
            right.append(second)
        assert left[0] == right[0] == -1  # seen once: no track yet
        assert {*left[4:], *right[4:]} == {1, 2}
        assert len(set(left[4:])) == len(set(right[4:])) == 1

    @pytest.mark.parametrize(("missing", "same"), [(5, True), (40, False)])
    def test_a_short_gap_is_bridged(self, missing: int, same: bool) -> None:
        track = make_tracker(TrackSettings(gap_s=1.0), frame_rate=RATE)
        before = [ids(track(step / RATE, found(moved(SQUARE, 30, 30)))) for step in range(8)]
        for step in range(8, 8 + missing):
            assert ids(track(step / RATE, found())) == []
        start = 8 + missing
        after = [ids(track((start + k) / RATE, found(moved(SQUARE, 30, 30)))) for k in range(4)]
        assert before[-1] == [1]
        assert (after[-1] == [1]) is same

    @pytest.mark.parametrize("method", ["bytetrack", "ocsort"])
    @pytest.mark.parametrize(("gap_s", "step_s"), [(0.0, 0.04), (1.0, 2.0)])
    def test_frames_may_be_further_apart_than_the_gap(
        self, method: Literal["bytetrack", "ocsort"], gap_s: float, step_s: float
    ) -> None:
        """No gap at all, and a slow network: what every frame shows keeps its number."""
        track = make_tracker(TrackSettings(method=method, gap_s=gap_s), frame_rate=RATE)
        latest = [ids(track(step * step_s, found(SQUARE, SQUARE + 60))) for step in range(9)]
        assert sorted(latest[4]) == [1, 2] and latest[4] == latest[-1]

    def test_contours_are_smoothed_without_a_gap_too(self) -> None:
        track = make_tracker(TrackSettings(gap_s=0.0, smooth=0.2), frame_rate=RATE)
        for step in range(8):
            shaken = found(SQUARE + np.eye(4, 2) * (step % 2))
            smooth = track(step / RATE, shaken)
        assert ids(smooth) == [1]
        assert 0.2 < abs(smooth.parts[0][0][0, 0] - shaken.parts[0][0][0, 0]) < 0.8

    def test_a_source_that_was_lost_for_long_begins_anew(self) -> None:
        track = make_tracker(TrackSettings(gap_s=1.0), frame_rate=RATE)
        for step in range(4):
            before = ids(track(step / RATE, found(SQUARE)))
        for step in range(4):
            after = ids(track(60 + step / RATE, found(SQUARE)))
        assert before == [1] and after == [2]

    def test_a_weak_instance_continues_a_track_and_begins_none(self) -> None:
        track = make_tracker(TrackSettings(score=0.5), frame_rate=RATE)
        for step in range(3):
            assert ids(track(step / RATE, found(SQUARE, scores=0.3))) == [-1]
        for step in range(3, 6):
            latest = ids(track(step / RATE, found(SQUARE, scores=0.8)))
        assert latest == [1]
        assert ids(track(6 / RATE, found(SQUARE, scores=0.3))) == [1]

    @pytest.mark.parametrize(("matching", "kept"), [("boxes", False), ("contours", True)])
    def test_contours_tell_apart_what_boxes_do_not(
        self, matching: Literal["boxes", "contours"], kept: bool
    ) -> None:
        """Two halves of a square whose boxes change places by a pixel."""
        track = make_tracker(TrackSettings(matching=matching), frame_rate=RATE)
        for step in range(6):
            before = ids(track(step / RATE, found(LOWER_LEFT + 30, UPPER_RIGHT + 31)))
        after = ids(track(6 / RATE, found(LOWER_LEFT + 31, UPPER_RIGHT + 30)))
        assert sorted(before) == [1, 2]
        assert (after == before) is kept

    def test_contours_are_compared_outside_the_image_too(self) -> None:
        track = make_tracker(TrackSettings(matching="contours"), frame_rate=RATE)
        for step in range(5):
            latest = ids(track(step / RATE, found(moved(SQUARE, 230, 150), SQUARE + 20)))
        assert sorted(latest) == [1, 2]

    def test_equal_boxes_are_two_instances(self) -> None:
        track = make_tracker(TrackSettings(matching="contours"), frame_rate=RATE)
        for step in range(4):
            latest = ids(track(step / RATE, found(LOWER_LEFT, UPPER_RIGHT)))
        assert sorted(latest) == [1, 2]

    def test_times_that_stand_still_count_as_frames(self) -> None:
        track = make_tracker(frame_rate=RATE)
        assert [ids(track(0.0, found(SQUARE))) for _ in range(3)] == [[-1], [1], [1]]
