"""What to say of an unknown word."""

from __future__ import annotations

import difflib
from collections.abc import Collection


def nearest(word: str, choices: Collection[str]) -> str:
    """`did you mean 'train'?` where a choice is close, `there are train, val` otherwise."""
    near = difflib.get_close_matches(word, choices, n=1)
    return f"did you mean {near[0]!r}?" if near else f"there are {', '.join(choices)}"
