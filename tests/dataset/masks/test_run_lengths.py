"""Run lengths: they fill their mask exactly, or they are refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_array_equal
from pycocotools import mask as coco_mask

from dataset.masks.run_lengths import decode_mask, encode_mask, run_lengths


@given(seed=st.integers(0, 10_000))
def test_masks_come_back(seed: int) -> None:
    """From our run lengths, from a list of them, and from pycocotools' compressed ones."""
    rng = np.random.default_rng(seed)
    height, width = rng.integers(1, 40, 2).tolist()
    mask = rng.random((height, width)) < rng.choice([0, 0.05, 0.5, 1])
    runs = encode_mask(mask)
    compressed = coco_mask.encode(np.asfortranarray(mask, np.uint8))["counts"]
    for counts in (runs.tolist(), compressed, compressed.decode()):
        found = run_lengths(counts, height, width)
        assert_array_equal(found, runs)
        assert_array_equal(decode_mask(found, height, width), mask)


@pytest.mark.parametrize(
    "counts",
    [
        [],
        [399],
        [401],
        [500, -100],
        [2**63],
        [10**400],
        # In 64 bits these sums are 400.
        [2**63 - 1, 2**63 - 1, 402],
        [2**62, 2**62, 2**62, 2**62, 400],
        [400.0],
        [True, 399],
        ["400"],
        None,
        400,
        {},
        "",
        "P",
        "\x00",
        "\u00ff",
        b"\xff",
        "o" * 12 + "0",
    ],
)
def test_what_does_not_fill_the_mask_is_refused(counts: Any) -> None:
    with pytest.raises(ValueError):
        run_lengths(counts, 20, 20)
