"""matplotlib's drawings as pieces of the page.

Its SVG is made to stand alone: it names schemas by their addresses, sets a style for everything,
uses the same ids in every drawing, and has colours of its own. Here it becomes an element that
takes colours and letters from the page, so that it is right in the light and in the dark, and text
stays text.
"""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Callable
from typing import Any
from xml.etree import ElementTree

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from e2ec.app.report.html import Markup, tag
from e2ec.results.one_line import one_line

# Colours that nobody would draw with stand for those of the page.
SERIES = tuple(f"#0a0b{number:02x}" for number in range(1, 9))
INK, SOFT, RULE, CARD = "#0a0c01", "#0a0c02", "#0a0c03", "#0a0c04"
_PAGE = dict(zip(SERIES, (f"var(--c{number})" for number in range(8)), strict=True)) | {
    INK: "var(--ink)",
    SOFT: "var(--soft)",
    RULE: "var(--rule)",
    CARD: "var(--card)",
}
_WIDTH, _HEIGHT = 360, 250  # of the drawing; a phone's width is 390
_POINTS = 72
_SETTINGS: Any = {  # matplotlib names every setting in its type
    "svg.fonttype": "none",
    "svg.hashsalt": "report",
    "text.parse_math": False,
    "text.color": INK,
    "axes.labelcolor": SOFT,
    "axes.edgecolor": RULE,
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "grid.color": RULE,
    "grid.linewidth": 0.6,
    "xtick.color": SOFT,
    "ytick.color": SOFT,
    "font.size": 12.5,
    "legend.fontsize": 12,
    "xtick.labelsize": 11.5,
    "ytick.labelsize": 11.5,
    "legend.frameon": False,
    "lines.linewidth": 1.8,
}
_NUMBER = re.compile(r"-?\d+\.\d{2,}")


def chart(
    title: str,
    draw: Callable[[Axes], None],
    *,
    alt: str,
    numbers: Markup | None = None,
    height: float = _HEIGHT,
) -> Markup:
    """A figure: title, drawing, and the numbers in it for those who want or need to read them.

    Args:
        title: above the drawing.
        draw: draws on axes of a phone's width.
        alt: what the drawing says, for those who cannot see it.
        numbers: the table behind it.
        height: of the drawing, where the width is 360.
    """
    with matplotlib.rc_context(_SETTINGS), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing from")  # the page has them
        figure = Figure(figsize=(_WIDTH / _POINTS, height / _POINTS), layout="constrained")
        draw(figure.subplots())
        file = io.StringIO()
        nothing = dict.fromkeys(("Date", "Creator", "Format", "Type"))
        figure.savefig(file, format="svg", transparent=True, metadata=nothing)
    more = None
    if numbers is not None:
        more = tag("details", tag("summary", "Numbers"), numbers)
    return tag(
        "figure",
        tag("figcaption", title),
        tag("div", _inline(file.getvalue(), alt), class_="chart"),
        more,
    )


def shortened(text: str, length: int = 22) -> str:
    """A name from outside as a label in a drawing: one line, nothing that XML cannot hold."""
    return one_line(text, length)


def _inline(svg: str, alt: str) -> Markup:
    """A drawing of matplotlib's, with what only a file of its own needs left out."""
    root = ElementTree.fromstring(svg)
    for parent in [*root.iter()]:
        for child in [*parent]:
            if child.tag.endswith(("}metadata", "}style")):
                parent.remove(child)
    for element in root.iter():
        element.tag = element.tag.rpartition("}")[2]
        element.tail = None
        if element.text is not None and not element.text.strip():
            element.text = None
        for name, value in [*element.attrib.items()]:
            del element.attrib[name]
            name = name.rpartition("}")[2]
            if name == "id" and not _referred(value):
                continue
            element.set(name, _attribute(name, value))
    view = root.get("viewBox", "")
    root.attrib = {"viewBox": view, "role": "img", "aria-label": alt}
    return Markup(ElementTree.tostring(root, encoding="unicode", short_empty_elements=False))


def _referred(name: str) -> bool:
    """Whether an id is that of a marker or a clipping path: equal ones are of equal content."""
    return re.fullmatch(r"[a-zA-Z]+[0-9a-f]{10}(_\w+)?", name) is not None


def _attribute(name: str, value: str) -> str:
    if name == "style":
        value = re.sub(r"font-family: [^;]*;? ?", "", value)
        for color, page in _PAGE.items():
            value = value.replace(color, page)
    elif name == "d":
        value = " ".join(_NUMBER.sub(lambda n: f"{float(n[0]):.1f}", value).split())
    elif name in ("x", "y", "transform"):
        value = _NUMBER.sub(lambda n: f"{float(n[0]):.1f}", value)
    return value
