"""Contours with holes, of frames of videos and of the live view are edited on the page."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("fastapi")
pytest.importorskip("uvicorn")
pytest.importorskip("playwright")

from web_browser import CHROMIUM, Setting, chromium, upload
from web_editor import Editor, corners, near
from web_model import CLASSES, BrightModel
from web_stream import walking_square
from web_video import video

from e2ec.app.stream.controls import Controls
from e2ec.app.web.live import LiveView
from e2ec.app.web.serve import web_server
from e2ec.results.contours import Contours

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed")


class RingModel(BrightModel):
    """Whatever the picture, finds a square with a hole, and another square in the hole."""

    def predict(self, images: Any, **_: Any) -> list[Contours]:
        def square(low: float, high: float) -> np.ndarray:
            return np.array([[low, low], [high, low], [high, high], [low, high]])

        found = Contours(
            height=120,
            width=160,
            class_names=CLASSES,
            labels=np.array([0, 1]),
            scores=np.array([0.9, 0.8]),
            parts=[[square(10, 110)], [square(40, 60)]],
            holes=[[[square(20, 100)]], [[]]],
        )
        return [found] * len(images)


@pytest.fixture(scope="module")
def setting() -> Iterator[Setting]:
    live, controls = LiveView(), Controls(stages=("init", "final"))
    with (
        web_server(RingModel(), port=0, live=live, controls=controls) as server,
        walking_square(live, controls),
        chromium() as browser,
    ):
        made = Setting(server.address, browser)
        yield made
    assert not made.complaints


def test_holes_are_edited_and_stay(setting: Setting) -> None:
    page = setting.open(1400)
    editor = Editor(page)
    editor.click(15, 60)
    editor.drag((20, 20), (30, 25))
    moved = editor.contours()
    assert near(set(map(tuple, moved.holes[0][0][0].tolist())), 30, 25)
    # 100 x 100 - 80 x 80, and the hole loses (80 x 10 + 80 x 5) / 2.
    assert moved.areas()[0] == pytest.approx(4200, rel=0.01)
    editor.do("undo")
    editor.click(50, 50, shift=True)
    editor.do("merge")
    editor.said("merged")
    merged = editor.contours()
    assert merged.areas().tolist() == [4000.0] and len(merged.parts[0]) == 2
    editor.do("undo")
    editor.click(15, 60)
    editor.do("split")
    editor.drag((60, 5), (60, 115))
    editor.said("split")
    assert sorted(editor.contours().areas().round(-2).tolist()) == [400.0, 1800.0, 1800.0]
    page.close()


def test_a_frame_of_the_live_view_is_edited(setting: Setting) -> None:
    page = setting.open(390)
    page.wait_for_function("() => document.querySelector('#live').dataset.index > 0")
    page.click("#take")
    page.wait_for_selector("#outlines .instance")

    def shown() -> Contours:
        with page.expect_download() as waiting:
            page.click("[data-format=native]")
        return Contours.from_json(Path(waiting.value.path()).read_text())

    before = shown()
    page.focus("#outlines")
    for key in ("ArrowRight", "Enter", "Shift+ArrowRight"):
        page.keyboard.press(key)
    page.wait_for_selector("[data-do=undo]:enabled")
    after = shown()
    (old,) = corners(before, 0) - corners(after, 0)
    (new,) = corners(after, 0) - corners(before, 0)
    assert 0 < new[0] - old[0] <= 10 and new[1] == old[1]  # or up to the edge of the picture
    page.close()


def test_a_frame_of_a_video_is_edited(setting: Setting) -> None:
    page = setting.open(1400)
    upload(page, video(), "a.mp4")
    page.wait_for_function("() => document.querySelector('#status').textContent == '6 frames.'")
    page.click("#edit")
    page.focus("#outlines")

    def lines(*keys: str) -> list[dict[str, Any]]:
        page.focus("#outlines")
        for key in keys:
            page.keyboard.press(key)
        with page.expect_download() as waiting:
            page.click("#download-lines")
        return [json.loads(line) for line in Path(waiting.value.path()).read_text().splitlines()]

    before = lines()
    moved = lines("ArrowRight", "Enter", "Shift+ArrowUp", "ArrowLeft")
    assert moved[1:] == before[1:] and moved[0] != before[0]
    entries = moved[0]["images"][0]["instances"]
    # These lines do not go through the server: box and area are the page's own.
    assert entries == Contours.from_dict(moved[0]).to_dict()["images"][0]["instances"]
    assert lines("Escape", "Delete")[0]["images"][0]["instances"] == entries[1:]
    assert lines(*["Control+z"] * 3) == before
    page.close()


def test_edits_are_not_replaced_without_a_question(setting: Setting) -> None:
    editor = Editor(setting.open(1400))
    editor.click(50, 50)
    editor.do("delete")
    asked = []

    def refuse(dialog: Any) -> None:
        asked.append(dialog.message)
        dialog.dismiss()

    editor.page.on("dialog", refuse)
    editor.page.select_option("#stage-name", "init")
    assert "edited" in asked[0] and editor.page.input_value("#stage-name") == "final"
    assert len(editor.contours()) == 1
    editor.page.close()
