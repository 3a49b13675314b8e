"""Contours are edited on the page by mouse, finger and keys, and read back from downloads."""

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

from playwright.sync_api import sync_playwright
from web_browser import CHROMIUM, Setting, upload
from web_model import CLASSES, BrightModel, encoded, picture
from web_stream import walking_square
from web_video import video

from e2ec.app.stream.controls import Controls
from e2ec.app.web.live import LiveView
from e2ec.app.web.serve import web_server
from e2ec.results.contours import Contours

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed")
WIDTHS = (390, 1400)
# Squares from (10.5, 10.5) to (29.5, 29.5), and 30 pixels to the right of each other.
SCENE = picture(160, 120, spots=3)


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with sync_playwright() as driver:
        started = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield started
        started.close()


@pytest.fixture(scope="module")
def setting(browser: Any) -> Iterator[Setting]:
    with web_server(BrightModel(), port=0) as server:
        made = Setting(server.address, browser)
        yield made
    assert not made.complaints
    assert made.hosts == {server.address.split("/")[2]}


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


@pytest.fixture
def open_editor(setting: Setting) -> Iterator[Any]:
    pages = []

    def opened(width: int = 1400) -> Editor:
        pages.append(setting.open(width))
        return Editor(pages[-1])

    yield opened
    for page in pages:
        page.close()


def corners(contours: Contours, index: int) -> set[tuple[float, float]]:
    return {(float(x), float(y)) for part in contours.parts[index] for x, y in part}


def near(points: set[tuple[float, float]], x: float, y: float, reach: float = 0.6) -> bool:
    """Whether one lies there; a pixel of a narrow window is half a pixel of the picture."""
    return any(abs(u - x) <= reach and abs(v - y) <= reach for u, v in points)


SQUARE = {(10.5, 10.5), (29.5, 10.5), (29.5, 29.5), (10.5, 29.5)}


@pytest.mark.parametrize("width", WIDTHS)
def test_a_vertex_is_dragged_undone_and_done_again(open_editor: Any, width: int) -> None:
    editor = open_editor(width)
    assert corners(editor.contours(), 0) == SQUARE
    editor.click(20, 20)
    editor.drag((29.5, 29.5), (36, 50))
    editor.said("Vertex moved")
    moved = editor.contours()
    kept, new = corners(moved, 0) & SQUARE, corners(moved, 0) - SQUARE
    assert len(kept) == 3 and near(new, 36, 50)
    ((x, y),) = new
    written = editor.download()["images"][0]["instances"]
    entry = next(one for one in written if one["box"][0] == 10.5)
    assert entry["box"] == [10.5, 10.5, x, y]
    # A quadrilateral's area is half the cross product of its diagonals.
    diagonals = np.array([x - 10.5, y - 10.5]), np.array([-19.0, 19.0])
    area = abs(diagonals[0][0] * diagonals[1][1] - diagonals[0][1] * diagonals[1][0]) / 2
    assert entry["area"] == pytest.approx(area, abs=0.01)
    coco = editor.download("coco")["annotations"]
    rings = [np.array(one["segmentation"][0]).reshape(-1, 2) for one in coco]
    assert any(np.abs(ring - [x, y]).sum(1).min() < 0.01 for ring in rings)
    editor.do("undo")
    assert corners(editor.contours(), 0) == SQUARE
    editor.do("redo")
    assert corners(editor.contours(), 0) == corners(moved, 0)


@pytest.mark.parametrize("width", WIDTHS)
def test_vertices_are_added_and_deleted(open_editor: Any, width: int) -> None:
    editor = open_editor(width)
    editor.click(20, 20)
    editor.drag((20, 29.5), (20, 45))
    assert near(corners(editor.contours(), 0) - SQUARE, 20, 45)
    editor.do("delete-vertex")
    assert corners(editor.contours(), 0) == SQUARE
    editor.do("add-vertex")
    assert len(corners(editor.contours(), 0) - SQUARE) == 1
    for _ in range(2):
        editor.do("undo")
    assert near(corners(editor.contours(), 0) - SQUARE, 20, 45)


@pytest.mark.parametrize("width", WIDTHS)
def test_classes_change_and_objects_go(open_editor: Any, width: int) -> None:
    editor = open_editor(width)
    labels = editor.contours().labels
    editor.click(50, 20)
    editor.page.select_option("#class-name", index=int(1 - labels[1]))
    changed = editor.contours()
    assert changed.labels.tolist() == [labels[0], 1 - labels[1], labels[2]]
    assert editor.page.title() == "Contours"  # a class of this model is markup
    editor.click(20, 20)
    editor.do("delete")
    assert len(editor.contours()) == 2
    editor.do("undo")
    editor.do("undo")
    assert editor.contours().labels.tolist() == labels.tolist()


@pytest.mark.parametrize("width", WIDTHS)
def test_objects_are_merged_separated_and_split(open_editor: Any, width: int) -> None:
    editor = open_editor(width)
    editor.click(20, 20)
    editor.click(80, 20, shift=True)
    editor.do("merge")
    editor.said("merged")
    merged = editor.contours()
    assert [len(parts) for parts in merged.parts] == [2, 1]
    assert merged.areas().tolist() == [722.0, 361.0]
    editor.do("separate")
    assert editor.contours().areas().tolist() == [361.0] * 3
    editor.click(50, 20)
    editor.do("split")
    editor.drag((50, 5), (50, 35))
    editor.said("split")
    pieces = editor.contours()
    assert len(pieces) == 4 and pieces.areas().sum() == pytest.approx(1083, abs=0.1)
    assert pieces.boxes()[1][2] == pytest.approx(50, abs=0.6)
    for _ in range(3):
        editor.do("undo")
    assert editor.contours().areas().tolist() == [361.0] * 3


def test_a_line_that_misses_is_said(setting: Setting, open_editor: Any) -> None:
    editor = open_editor()
    editor.click(20, 20)
    editor.do("split")
    editor.drag((20, 60), (40, 60))
    editor.said("from edge to edge")
    assert editor.page.is_disabled("[data-do=undo]")
    # The browser reports the status of the answer.
    setting.complaints = [one for one in setting.complaints if "422" not in one]


@pytest.mark.parametrize("width", WIDTHS)
def test_a_new_object_is_drawn(open_editor: Any, width: int) -> None:
    editor = open_editor(width)
    editor.page.select_option("#class-name", index=1)
    editor.do("draw")
    for point in ((20, 60), (60, 60), (60, 100), (20, 60)):
        editor.click(*point)
    editor.said("added")
    found = editor.contours()
    new = int(np.argmax(found.scores))
    assert found.scores[new] == 1 and found.class_names[found.labels[new]] == CLASSES[1]
    for x, y in ((20, 60), (60, 60), (60, 100)):
        assert near(corners(found, new), x, y)
    assert found.areas()[new] == pytest.approx(800, rel=0.05)
    editor.do("undo")
    assert len(editor.contours()) == 3


def test_the_keyboard_alone_is_enough(open_editor: Any) -> None:
    editor = open_editor()
    editor.page.focus("#file")
    focused = "document.activeElement.id"
    for _ in range(60):
        if editor.page.evaluate(focused) == "outlines":
            break
        editor.keys("Shift+Tab")
    assert editor.page.evaluate(focused) == "outlines"
    before = editor.contours()  # downloading takes the focus
    editor.page.focus("#outlines")
    editor.keys("ArrowRight")
    editor.said("1 of 3")
    editor.keys("Enter", "Tab")
    editor.said("Vertex 2 of 4")
    editor.keys("ArrowDown", "Shift+ArrowDown", "ArrowLeft")
    after = editor.contours()
    changed = [i for i in range(3) if corners(before, i) != corners(after, i)]
    (moved,) = corners(after, changed[0]) - corners(before, changed[0])
    (old,) = corners(before, changed[0]) - corners(after, changed[0])
    assert len(changed) == 1 and moved == (old[0] - 1, old[1] + 11)
    editor.page.focus("#outlines")
    editor.keys("Delete")
    assert len(corners(editor.contours(), changed[0])) == 3
    editor.page.focus("#outlines")
    editor.keys(*["Control+z"] * 4)
    assert corners(editor.contours(), changed[0]) == corners(before, changed[0])
    editor.page.focus("#outlines")
    editor.keys("Control+Shift+Z", "Escape", "Delete")
    assert len(editor.contours()) == 2
    editor.keys("Control+z", "Control+z")
    assert len(editor.contours()) == 3
    editor.page.focus("#outlines")
    editor.keys("Escape", "Tab")  # and the way out is open
    assert editor.page.evaluate(focused) != "outlines"


def test_objects_are_merged_split_and_drawn_by_keys(open_editor: Any) -> None:
    editor = open_editor()
    editor.page.focus("#outlines")
    editor.keys("ArrowRight", "Control+ArrowRight")
    editor.said("not selected")
    editor.keys("Control+ArrowRight", " ")
    editor.said("2 selected")
    editor.keys("m")
    editor.said("merged")
    assert len(editor.contours()) == 2
    editor.page.focus("#outlines")
    editor.keys("n", *["Shift+ArrowDown"] * 2, " ", "Shift+ArrowDown", " ", "Shift+ArrowRight")
    editor.keys(" ", "Enter")
    editor.said("added")
    found = editor.contours()
    # From the middle, (80, 60): down by 20, down by 10 more, to the right by 10.
    assert any(corners(found, i) == {(80.0, 80.0), (80.0, 90.0), (90.0, 90.0)} for i in range(3))


def test_zoom_keeps_the_contours_on_the_picture(open_editor: Any) -> None:
    editor = open_editor(390)
    editor.click(20, 20)
    for _ in range(3):
        editor.do("zoom-in")
    svg = editor.page.evaluate("document.querySelector('#outlines').getBoundingClientRect().width")
    image = editor.page.evaluate("document.querySelector('#picture').getBoundingClientRect().width")
    assert svg == pytest.approx(image, abs=2) and svg > 1000
    middle = editor.page.evaluate(
        """() => {
          const box = document.querySelector("#stage").getBoundingClientRect();
          return [box.x + box.width / 2, box.y + box.height / 2];
        }"""
    )
    editor.page.mouse.move(*middle)
    editor.page.mouse.down()
    editor.page.mouse.move(middle[0] + 2000, middle[1] + 2000, steps=4)  # to the top left corner
    editor.page.mouse.up()
    editor.drag((29.5, 29.5), (33, 30))
    assert near(corners(editor.contours(), 0) - SQUARE, 33, 30, 0.3)
    editor.do("fit")
    assert editor.page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_a_finger_drags_and_two_fingers_zoom(setting: Setting) -> None:
    context = setting.browser.new_context(viewport={"width": 390, "height": 844}, has_touch=True)
    page = context.new_page()
    page.goto(setting.address)
    page.wait_for_selector("#model:not(:empty)")
    editor = Editor(page)
    client = context.new_cdp_session(page)

    def touch(kind: str, *points: tuple[float, float]) -> None:
        places = [{"x": x, "y": y, "id": i} for i, (x, y) in enumerate(points)]
        client.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": places})

    page.touchscreen.tap(*editor.at(20, 20))
    x, y = editor.at(29.5, 29.5)
    touch("touchStart", (x + 8, y + 6))  # a finger does not hit exactly, and nothing jumps
    for i in range(1, 6):
        touch("touchMove", (x + 8 + 4 * i, y + 6 + 8 * i))
    touch("touchEnd")
    scale = editor.at(1, 0)[0] - editor.at(0, 0)[0]
    (moved,) = corners(editor.contours(), 0) - SQUARE
    assert moved == pytest.approx((29.5 + 20 / scale, 29.5 + 40 / scale), abs=0.1)
    x, y = editor.at(80, 60)
    touch("touchStart", (x - 20, y))
    touch("touchStart", (x - 20, y), (x + 20, y))
    touch("touchMove", (x - 60, y), (x + 60, y))
    touch("touchEnd")
    wider = editor.at(1, 0)[0] - editor.at(0, 0)[0]
    assert wider == pytest.approx(3 * scale, rel=0.02)
    assert len(editor.contours()) == 3
    context.close()


@pytest.mark.parametrize("width", WIDTHS)
def test_every_button_is_large_and_inside_of_the_page(open_editor: Any, width: int) -> None:
    editor = open_editor(width)
    boxes = editor.page.evaluate(
        """() => [...document.querySelectorAll(
          innerWidth < 600 ? "button, select" : "#editor button, #editor select"
        )].filter((part) => part.offsetParent).map((part) => {
          const box = part.getBoundingClientRect();
          return [box.width, box.height, box.left, box.right];
        })"""
    )
    assert len(boxes) > 12
    assert all(w >= 40 and h >= 40 and x0 >= 0 and x1 <= width for w, h, x0, x1 in boxes)
    assert editor.page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_edits_are_not_replaced_without_a_question(open_editor: Any) -> None:
    editor = open_editor()
    editor.click(20, 20)
    editor.do("delete")
    asked = []

    def refuse(dialog: Any) -> None:
        asked.append(dialog.message)
        dialog.dismiss()

    editor.page.on("dialog", refuse)
    editor.page.select_option("#stage-name", "init")
    assert "edited" in asked[0] and editor.page.input_value("#stage-name") == "final"
    assert len(editor.contours()) == 2


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
    (entry,) = moved[0]["images"][0]["instances"]
    # These lines do not go through the server: box and area are the page's own.
    assert entry == Contours.from_dict(moved[0]).to_dict()["images"][0]["instances"][0]
    assert lines("Escape", "Delete")[0]["images"][0]["instances"] == []
    assert lines(*["Control+z"] * 3) == before
    page.close()


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
def ring_setting(browser: Any) -> Iterator[Setting]:
    live, controls = LiveView(), Controls(stages=("init", "final"))
    with (
        web_server(RingModel(), port=0, live=live, controls=controls) as server,
        walking_square(live, controls),
    ):
        made = Setting(server.address, browser)
        yield made
    assert not made.complaints


def test_holes_are_edited_and_stay(ring_setting: Setting) -> None:
    page = ring_setting.open(1400)
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


def test_a_frame_of_the_live_view_is_edited(ring_setting: Setting) -> None:
    page = ring_setting.open(390)
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
