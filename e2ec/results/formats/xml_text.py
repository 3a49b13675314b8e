"""Text that XML can hold, and XML as bytes."""

from __future__ import annotations

import re
from xml.etree import ElementTree

# XML 1.0 has no place for control characters, for half of a surrogate pair, and for two others.
_FORBIDDEN = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def xml_text(text: str) -> str:
    """The text with the replacement character for what XML cannot hold."""
    return _FORBIDDEN.sub("\ufffd", text)


def xml_bytes(root: ElementTree.Element) -> bytes:
    """The document of an element, indented, in UTF-8 with its declaration."""
    ElementTree.indent(root)
    return bytes(ElementTree.tostring(root, encoding="utf-8", xml_declaration=True)) + b"\n"
