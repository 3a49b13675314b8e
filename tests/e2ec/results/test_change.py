"""Contours chosen, put together, cut and scaled."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from small_instances import FRAME, HEIGHT, HOLE, OUTER, WIDTH, of_masks, of_polygons

from e2ec.results.contours import Contours
from lib.errors import InputError


def three() -> Contours:
    """A frame of 48 - 4 square pixels, a triangle of 6, a square of 4; scores 0.9, 0.5, 0.2."""
    triangle = np.array([[1.0, 1.0], [5.0, 1.0], [1.0, 4.0]])
    return of_polygons(
        labels=[0, 1, 1],
        scores=[0.9, 0.5, 0.2],
        parts=[[OUTER], [triangle], [HOLE]],
        holes=[[[HOLE]], [[]], [[]]],
    )


class TestFilter:
    @pytest.mark.parametrize(
        ("asked", "kept"),
        [
            ({}, [0, 1, 2]),
            ({"min_score": 0.5}, [0, 1]),
            ({"classes": ["b"]}, [1, 2]),
            ({"classes": [0, "b"], "max_area": 6}, [1, 2]),
            ({"min_area": 6, "max_area": 6}, [1]),
            ({"classes": []}, []),
        ],
    )
    def test_all_that_is_asked_for_holds(self, asked: dict[str, object], kept: list[int]) -> None:
        chosen = three().filter(**asked)  # type: ignore[arg-type]
        assert chosen.scores.tolist() == three().scores[kept].tolist()

    def test_unknown_classes(self) -> None:
        for name in ("c", 2, -1):
            with pytest.raises(InputError, match=f"no class {name!r}; there are a, b"):
                three().filter(classes=[name])

    def test_masks_and_slices_choose_too(self) -> None:
        contours = three()
        assert contours[contours.scores > 0.3].scores.tolist() == [0.9, 0.5]
        assert contours[::-1].scores.tolist() == [0.2, 0.5, 0.9]
        assert len(contours[np.zeros(3, bool)]) == 0


class TestAdd:
    def test_polygons_and_masks_of_one_image(self) -> None:
        both = three() + of_masks([FRAME])
        assert isinstance(both, Contours) and len(both) == 4
        wanted = np.concatenate([three().to_masks(), FRAME[None]])
        assert (both.to_masks() == wanted).all()
        assert both.class_names == ("a", "b") and both.labels.tolist() == [0, 1, 1, 0]

    def test_classes_go_by_name(self) -> None:
        """ "b" is known; "c" keeps its id 9, "d" had 1, which is taken, and gets the next above."""
        other = replace(
            three(), class_names=("c", "b", "d"), category_ids=(9, 5, 1), labels=np.array([0, 1, 2])
        )
        both = three() + other
        assert both.class_names == ("a", "b", "c", "d")
        assert both.category_ids == (1, 2, 9, 10)
        assert both.labels.tolist() == [0, 1, 1, 2, 1, 3]

    def test_tracks_are_kept(self) -> None:
        tracked = replace(three(), track_ids=np.array([4, -1, 2]))
        assert (three() + tracked).track_ids.tolist() == [-1, -1, -1, 4, -1, 2]  # type: ignore[union-attr]
        assert (three() + three()).track_ids is None

    def test_images_of_different_size(self) -> None:
        with pytest.raises(InputError, match="11 x 9 and 12 x 9 pixels are not of one image"):
            three() + replace(three(), width=12)


class TestClip:
    def test_what_reaches_out_is_cut(self) -> None:
        """The frame, shifted by (4, 4): 9 x 7 pixels are left of what begins at (5, 5), so 6 x 4,
        less the hole of 2 x 2 at (7, 7)."""
        shifted = of_polygons(parts=[[OUTER + 4]], holes=[[[HOLE + 4]]])
        clipped = shifted.clip()
        assert clipped.areas().tolist() == [6 * 4 - 2 * 2]
        assert (clipped.to_masks() == shifted.to_masks()).all()
        assert clipped.boxes().tolist() == [[5, 5, WIDTH, HEIGHT]]

    def test_what_lies_inside_stays_and_what_lies_outside_goes(self) -> None:
        contours = three()
        assert contours.clip().parts[0][0] is contours.parts[0][0]
        far = of_polygons(parts=[[OUTER + 100]], holes=[[[]]])
        assert len((contours + far).clip()) == 3

    def test_boxes_cut_masks_and_polygons_alike(self) -> None:
        box = (2.0, 1.0, 6.0, 4.0)
        window = np.zeros((HEIGHT, WIDTH), bool)
        window[1:4, 2:6] = True
        masks = of_masks([FRAME]).clip(box)
        assert (masks.to_masks()[0] == (FRAME & window)).all() and masks.runs[0] is not None
        traced = of_masks([FRAME])
        polygons = replace(traced, parts=traced.parts[:], holes=traced.holes[:], runs=()).clip(box)
        assert (polygons.to_masks()[0] == (FRAME & window)).all()
        assert len(of_masks([FRAME]).clip((9, 8, 11, 9))) == 0

    def test_a_box_without_area(self) -> None:
        with pytest.raises(InputError, match="has no area"):
            three().clip((3, 3, 3, 5))


class TestScale:
    def test_points_and_size_go_together(self) -> None:
        """11 x 9 pixels by 1.5 are 16.5 x 13.5, so 16 x 14: points move by these, not by 1.5."""
        scaled = three().scale(1.5)
        assert (scaled.width, scaled.height) == (16, 14)
        assert np.allclose(scaled.parts[0][0], OUTER * [16 / 11, 14 / 9])

    def test_whole_factors_scale_masks_exactly(self) -> None:
        scaled = of_masks([FRAME]).scale((3, 2))
        assert (scaled.to_masks()[0] == np.kron(FRAME, np.ones((2, 3)))).all()
        back = scaled.scale((1 / 3, 0.5))
        assert (back.to_masks()[0] == FRAME).all()

    def test_impossible_factors(self) -> None:
        for factor in (0, -1, float("nan"), float("inf")):
            with pytest.raises(InputError, match="cannot scale by"):
                three().scale(factor)
