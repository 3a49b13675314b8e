"""Text from outside as part of one short line."""

from __future__ import annotations

_LENGTH = 40


def one_line(text: str, length: int = _LENGTH) -> str:
    """`text` without line breaks and control characters, its middle cut out beyond `length`."""
    # Only the ends are looked at: text may be megabytes long.
    if len(text) > length:
        half = (length - 3) // 2
        text = f"{text[: length - 3 - half]}...{text[-half:]}"
    return "".join(character if character.isprintable() else " " for character in text)
