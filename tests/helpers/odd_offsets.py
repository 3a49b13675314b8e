"""Offsets that no kernel may follow, for three points."""

from __future__ import annotations

BAD_OFFSETS = [
    [],
    [0],
    [0, 2],
    [0, 4],
    [1, 3],
    [0, 4, 3],
    [0, 3, 2, 3],
    [-3, 0, 3],
    [0, -(2**63), 3],
    [0, 2**62, -(2**62), 3],
]
