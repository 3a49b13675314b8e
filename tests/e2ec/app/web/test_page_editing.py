"""Contours are edited on the page by mouse, finger and keys, and read back from downloads."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

pytest.importorskip("fastapi")
pytest.importorskip("uvicorn")
pytest.importorskip("playwright")

from web_browser import CHROMIUM, Setting, chromium
from web_editor import Editor, corners, near
from web_model import CLASSES, BrightModel

from e2ec.app.web.serve import web_server

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed")
WIDTHS = (390, 1400)


@pytest.fixture(scope="module")
def setting() -> Iterator[Setting]:
    with web_server(BrightModel(), port=0) as server, chromium() as browser:
        made = Setting(server.address, browser)
        yield made
    assert not made.complaints
    assert made.hosts == {server.address.split("/")[2]}


@pytest.fixture
def open_editor(setting: Setting) -> Iterator[Any]:
    pages = []

    def opened(width: int = 1400) -> Editor:
        pages.append(setting.open(width))
        return Editor(pages[-1])

    yield opened
    for page in pages:
        page.close()


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
