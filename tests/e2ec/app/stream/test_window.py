"""The window: newest picture, keys, saving, quitting."""

from __future__ import annotations

import json
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from small_instances import of_polygons

from e2ec.app.stream.controls import Controls, Settings
from e2ec.app.stream.frame import Frame
from e2ec.app.stream.viewer import Shown
from e2ec.app.stream.window.hud import draw_lines
from e2ec.app.stream.window.keys import KEYS, key_for
from e2ec.app.stream.window.window import Window
from e2ec.results.formats.native import read_document

HEIGHT, WIDTH = 200, 300
STAGES = ("init", "coarse", "refine1")


class Gui:
    """OpenCV's windows without a display: keys are pressed after so many pictures."""

    WINDOW_NORMAL = WINDOW_KEEPRATIO = WINDOW_GUI_NORMAL = WND_PROP_VISIBLE = 0

    def __init__(self, keys: str = "") -> None:
        self.keys = list(keys)
        self.pictures: list[np.ndarray] = []
        self.threads: set[threading.Thread] = set()
        self.visible = 1.0
        self.destroyed = False

    def namedWindow(self, title: str, flags: int) -> None: ...

    def resizeWindow(self, title: str, width: int, height: int) -> None:
        self.size = (width, height)

    def imshow(self, title: str, picture: np.ndarray) -> None:
        self.pictures.append(picture.copy())
        self.threads.add(threading.current_thread())

    def pollKey(self) -> int:
        return ord(self.keys.pop(0)) if self.pictures and self.keys else -1

    def getWindowProperty(self, title: str, name: int) -> float:
        return self.visible

    def destroyAllWindows(self) -> None:
        self.destroyed = True


def shown(index: int = 0) -> Shown:
    picture = np.full((HEIGHT, WIDTH, 3), (200, 100, 50), np.uint8)
    frame = Frame("film.mp4", index, index / 25, np.zeros_like(picture))
    contours = of_polygons(height=HEIGHT, width=WIDTH)
    return Shown(frame, contours, picture, 25.0, 0.05)


def opened(folder: Path, gui: Gui) -> tuple[Window, Controls, list[str]]:
    controls, said = Controls(stages=STAGES), list[str]()
    return Window(controls, folder, say=said.append, gui=gui), controls, said


def press(folder: Path, keys: str) -> tuple[Window, Controls, list[str], Gui]:
    """Show a frame, press keys, and end with the source."""
    gui = Gui(keys)
    window, controls, said = opened(folder, gui)

    def work() -> None:
        window.show(shown(7))
        while gui.keys and window.open:
            pass
        window.close()

    window.run(work)
    return window, controls, said, gui


@pytest.mark.parametrize(
    ("keys", "changed"),
    [
        ("c", {"stage": "init"}),
        ("cc", {"stage": "coarse"}),
        ("cccc", {"stage": "init"}),
        ("+", {"score": 0.35}),
        ("=--", {"score": 0.25}),
        ("-" * 30, {"score": 0.0}),
        ("+" * 30, {"score": 1.0}),
        ("f", {"fill": 0.7}),
        ("fff", {"fill": 0.35}),
        ("v", {"vertices": True}),
        ("l", {"labels": False}),
        ("ll", {"labels": True}),
        ("t", {"tracks": False}),
        (" ", {"paused": True}),
        ("  ", {"paused": False}),
        ("n", {"paused": True}),
        ("x", {}),
    ],
)
def test_keys_change_the_settings(keys: str, changed: dict[str, Any]) -> None:
    controls = Controls(Settings(score=0.3), stages=STAGES)
    for character in keys:
        key = key_for(ord(character), KEYS)
        if key is not None:
            key.act(controls)
    expected = {"labels": None, **changed}
    for name, value in expected.items():
        assert getattr(controls.settings, name) == value


def test_keys_without_a_character_do_nothing() -> None:
    """Insert and Undo, whose codes end like those of c and e; Shift is above the character."""
    assert key_for(0xFF63, KEYS) is None and key_for(-1, KEYS) is None
    assert key_for(0x10063, KEYS) is key_for(ord("c"), KEYS) is not None


@pytest.mark.parametrize(
    ("size", "expected"), [((300, 200), (300, 200)), ((6000, 4000), (1280, 853))]
)
def test_the_window_fits_a_screen(
    tmp_path: Path, size: tuple[int, int], expected: tuple[int, int]
) -> None:
    gui = Gui()
    window, _, _ = opened(tmp_path, gui)
    picture = np.zeros((size[1], size[0], 3), np.uint8)
    window.run(lambda: window.show(replace(shown(), picture=picture)))
    assert gui.size == expected


def test_every_key_is_listed_once() -> None:
    characters = "".join(key.keys for key in KEYS) + "sh?q"
    assert len(set(characters)) == len(characters)


def test_pictures_are_drawn_by_the_thread_that_runs_the_window(tmp_path: Path) -> None:
    _, _, said, gui = press(tmp_path, "+")
    assert gui.threads == {threading.current_thread()} and gui.destroyed
    # Without the text in the corner the last pixel is the picture's, in OpenCV's order.
    assert gui.pictures[0][-1, -1].tolist() == [50, 100, 200]
    assert "score threshold 0.35" in said


def test_a_frame_is_saved_as_picture_and_contours(tmp_path: Path) -> None:
    _, _, said, _ = press(tmp_path, "s")
    picture = cv2.imread(str(tmp_path / "saved" / "frame_000007.png"))
    assert picture is not None and picture.shape == (HEIGHT, WIDTH, 3)
    (contours,) = read_document(json.loads((tmp_path / "saved" / "frame_000007.json").read_text()))
    assert len(contours) == 1
    assert any("frame_000007.png" in line for line in said)


def test_a_disk_that_cannot_be_written_ends_nothing(tmp_path: Path) -> None:
    (tmp_path / "saved").write_text("a file where the folder should be")
    _, _, said, _ = press(tmp_path, "s+")
    assert any(line.startswith("not saved") for line in said)
    assert "score threshold 0.35" in said


@pytest.mark.parametrize("way", ["q", "\x1b", "mouse"])
def test_quitting_ends_the_work(tmp_path: Path, way: str) -> None:
    gui = Gui("" if way == "mouse" else way)
    window, controls, _ = opened(tmp_path, gui)
    controls.change(paused=True)

    def work() -> str:
        for index in range(10**9):
            window.show(shown(index))
            if not window.open:
                return f"ended paused={controls.settings.paused}"
            gui.visible = 0.0 if way == "mouse" and gui.pictures else 1.0
        raise AssertionError

    assert window.run(work).startswith("ended")
    assert not controls.settings.paused  # nobody waits for a key any more


def test_the_last_picture_stays_on_request(tmp_path: Path) -> None:
    gui = Gui("+++q")
    window = Window(Controls(stages=STAGES), tmp_path, say=print, stays=True, gui=gui)
    window.run(lambda: window.show(shown()))
    assert gui.keys == [] and len(gui.pictures) == 4


def test_errors_of_the_work_arrive(tmp_path: Path) -> None:
    window, _, _ = opened(tmp_path, Gui())

    def work() -> None:
        raise KeyError("broken")

    with pytest.raises(KeyError, match="broken"):
        window.run(work)


def test_a_window_that_stays_ends_with_an_error(tmp_path: Path) -> None:
    """Nobody should have to close it to read what went wrong."""
    gui = Gui()
    window = Window(Controls(stages=STAGES), tmp_path, say=print, stays=True, gui=gui)

    def work() -> None:
        window.show(shown())
        while not gui.pictures:
            pass
        raise KeyError("broken")

    with pytest.raises(KeyError, match="broken"):
        window.run(work)


def test_a_slow_window_drops_pictures_and_blocks_nobody(tmp_path: Path) -> None:
    gui = Gui()
    window, _, _ = opened(tmp_path, gui)
    release = threading.Event()
    gui.pollKey = lambda: (release.wait(5) and -1) or -1  # type: ignore[method-assign]

    def work() -> None:
        for index in range(500):  # all of them at once, while the window stands
            window.show(shown(index))
        release.set()

    window.run(work)
    assert 1 <= len(gui.pictures) < 10


def test_lines_darken_only_what_they_cover() -> None:
    picture = np.full((200, 300, 3), 200, np.uint8)
    draw_lines(picture, ["12.0 frames/s"])
    assert picture[:30, :100].mean() < 150
    assert (picture[60:] == 200).all() and (picture[:, 250:] == 200).all()
