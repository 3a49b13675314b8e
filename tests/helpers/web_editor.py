"""The page with three squares whose contours a test edits, as a person would."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from web_browser import upload
from web_model import encoded, picture

from e2ec.results.contours import Contours

# Squares from (10.5, 10.5) to (29.5, 29.5), and 30 pixels to the right of each other.
SCENE = picture(160, 120, spots=3)


class Editor:
    """The page with three squares, and what a person does there."""

    def __init__(self, page: Any) -> None:
        self.page = page
        upload(page, encoded(SCENE))
        page.wait_for_function("() => document.querySelector('#picture').naturalWidth == 160")
        page.wait_for_function(
            "() => document.querySelector('#outlines').getBoundingClientRect().height > 100"
        )

    def at(self, x: float, y: float) -> tuple[float, float]:
        """A point of the picture in the window."""
        found = self.page.evaluate(
            """([x, y]) => {
              document.querySelector("#stage").scrollIntoView();
              const box = document.querySelector("#outlines").getBoundingClientRect();
              return [box.x + x / 160 * box.width, box.y + y / 120 * box.height];
            }""",
            [x, y],
        )
        return tuple(found)

    def click(self, x: float, y: float, *, shift: bool = False) -> None:
        if shift:
            self.page.keyboard.down("Shift")
        self.page.mouse.click(*self.at(x, y))
        if shift:
            self.page.keyboard.up("Shift")

    def drag(self, start: tuple[float, float], end: tuple[float, float]) -> None:
        mouse = self.page.mouse
        mouse.move(*self.at(*start))
        mouse.down()
        mouse.move(*self.at(*end), steps=4)
        mouse.up()

    def do(self, name: str) -> None:
        self.page.click(f"[data-do={name}]")

    def keys(self, *names: str) -> None:
        for name in names:
            self.page.keyboard.press(name)

    def said(self, text: str) -> None:
        self.page.wait_for_function(
            "text => document.querySelector('#status').textContent.includes(text)", arg=text
        )

    def download(self, kind: str = "native") -> Any:
        with self.page.expect_download() as waiting:
            self.page.click(f"[data-format={kind}]")
        return json.loads(Path(waiting.value.path()).read_text())

    def contours(self) -> Contours:
        """What is shown, from left to right."""
        found = Contours.from_dict(self.download())
        return found[np.argsort(found.boxes()[:, 0], kind="stable")]


def corners(contours: Contours, index: int) -> set[tuple[float, float]]:
    return {(float(x), float(y)) for part in contours.parts[index] for x, y in part}


def near(points: set[tuple[float, float]], x: float, y: float, reach: float = 0.6) -> bool:
    """Whether one lies there; a pixel of a narrow window is half a pixel of the picture."""
    return any(abs(u - x) <= reach and abs(v - y) <= reach for u, v in points)
