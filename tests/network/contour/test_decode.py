"""Decoding hand-made heat maps."""

from __future__ import annotations

import math

import pytest
import torch

from network.contour.decode import decode_centers, top_scores


def heat_map(batch: int, classes: int, height: int, width: int, **peaks: float) -> torch.Tensor:
    """Logits of -20 with peaks, given as p_IMAGE_CLASS_Y_X=score."""
    logits = torch.full((batch, classes, height, width), -20.0)
    for place, score in peaks.items():
        logits[tuple(map(int, place.split("_")[1:]))] = math.log(score / (1 - score))
    return logits


def test_peaks_come_out_by_image_then_by_falling_score() -> None:
    found = decode_centers(
        heat_map(2, 2, 6, 8, p_0_1_2_3=0.4, p_0_0_5_7=0.9, p_1_0_0_0=0.3, p_1_1_4_4=0.8)
    )
    assert found.image_index.tolist() == [0, 0, 1, 1]
    assert found.classes.tolist() == [0, 1, 1, 0]
    assert found.centers.tolist() == [[7, 5], [3, 2], [4, 4], [0, 0]]  # x, y
    assert found.scores.tolist() == pytest.approx([0.9, 0.4, 0.8, 0.3])


def test_a_score_at_the_threshold_is_kept() -> None:
    logits = torch.full((1, 1, 5, 5), -20.0)
    logits[0, 0, 2, 2] = 0.0  # sigmoid(0) is exactly 0.5
    assert len(decode_centers(logits, score_threshold=0.5).scores) == 1
    assert len(decode_centers(logits, score_threshold=0.500001).scores) == 0


def test_only_the_highest_of_an_image_are_kept() -> None:
    logits = heat_map(2, 1, 3, 9, p_0_0_1_1=0.5, p_0_0_1_4=0.7, p_0_0_1_7=0.6, p_1_0_1_1=0.4)
    found = decode_centers(logits, max_detections=2)
    assert found.centers.tolist() == [[4, 1], [7, 1], [1, 1]]
    assert found.image_index.tolist() == [0, 0, 1]


def test_peaks_outside_the_valid_size_are_left_out() -> None:
    logits = heat_map(1, 1, 8, 8, p_0_0_3_4=0.5, p_0_0_4_1=0.9, p_0_0_1_7=0.8)
    found = decode_centers(logits, valid_size=(4, 5))  # rows 0 to 3, columns 0 to 4
    assert found.centers.tolist() == [[4, 3]]


def test_a_threshold_of_zero_does_not_let_cells_through_that_are_no_peaks() -> None:
    found = decode_centers(heat_map(1, 1, 3, 3, p_0_0_1_1=0.5), score_threshold=0.0)
    assert found.centers.tolist() == [[1, 1]]


def test_not_a_number_is_no_detection() -> None:
    assert len(decode_centers(torch.full((1, 2, 4, 4), math.nan)).scores) == 0


def test_half_precision_is_decoded_in_float32() -> None:
    found = decode_centers(heat_map(1, 1, 3, 3, p_0_0_1_1=0.5).bfloat16())
    assert found.scores.dtype == torch.float32


@pytest.mark.parametrize("count", [1, 7, 30, 200, 1000])
def test_the_highest_scores_are_those_of_the_flat_map(count: int) -> None:
    """Of 60 cells of 3 classes: fewer than cells, more, or all."""
    scores = torch.rand(2, 60, 3, generator=torch.Generator().manual_seed(count))
    values, indices = top_scores(scores, count)
    expected = scores.flatten(1).topk(min(count, 180), dim=1)
    assert torch.equal(values, expected.values)
    assert torch.equal(indices, expected.indices)


@pytest.mark.parametrize("size", [(6, 9), (1, 5), (4, 1), (1, 1)])
def test_equals_max_pooling_and_sorting_everything(size: tuple[int, int]) -> None:
    """The plain way, with many equal neighbours."""
    generator = torch.Generator().manual_seed(0)
    logits = torch.randint(-6, 6, (2, 3, *size), generator=generator).float()
    found = decode_centers(logits, max_detections=1000)
    scores = logits.sigmoid()
    peak = torch.nn.functional.max_pool2d(scores, 3, 1, 1) == scores
    image_index, classes, y, x = (peak & (scores >= 0.05)).nonzero().unbind(1)
    expected = set(zip(*(v.tolist() for v in (image_index, classes, x, y)), strict=True))
    mine = (found.image_index, found.classes, *found.centers.unbind(1))
    limit = size[0] * size[1]
    result = set(zip(*(v.tolist() for v in mine), strict=True))
    assert result <= expected
    for image in range(2):
        count = sum(1 for row in expected if row[0] == image)
        assert sum(1 for row in result if row[0] == image) == min(count, limit)
