"""The window: the newest picture of a stream, rates in its corner, and keys."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import cv2
import numpy as np

from e2ec.app.stream.controls import Controls, Settings
from e2ec.app.stream.draw import draw_frame
from e2ec.app.stream.newest import Newest
from e2ec.app.stream.rates import Rates
from e2ec.app.stream.viewer import Shown
from e2ec.app.stream.window.hud import draw_lines
from e2ec.app.stream.window.keys import KEYS, Key, key_for
from e2ec.results.formats.native import document
from lib.errors import InputError
from lib.files import atomic_write_json
from lib.images import write_image

T = TypeVar("T")

_TITLE = "e2ec"
_WIDTH, _HEIGHT = 1280, 960
"""A larger picture is shown smaller at first; the person may pull the window."""
_LOOK_S = 0.01
"""How long the window waits for a picture before it looks at its keys again."""


class Window:
    """A `Viewer` in a window of OpenCV.

    Windows belong to a program's main thread: `run` keeps it, and does the work in another.

    Args:
        controls: what the keys change.
        folder: where the key for saving writes.
        say: told in a line what a key has done.
        stays: the last picture stays until the person quits.
        gui: OpenCV, or what stands in for its windows.
    """

    def __init__(
        self,
        controls: Controls,
        folder: Path,
        *,
        say: Callable[[str], object],
        stays: bool = False,
        gui: Any = cv2,
    ) -> None:
        self._controls = controls
        self._folder = folder
        self._say = say
        self._stays = stays
        self._gui = gui
        self._newest: Newest[Shown] = Newest()
        self._rates = Rates()
        self._shown: Shown | None = None
        self._drawn: tuple[Shown, Settings, bool] | None = None
        self._help = False
        self._open = True
        self._keys = (
            *KEYS,
            Key("s", "s", "save picture and contours of this frame", self._save),
            Key("h?", "h", "this list", self._toggle_help),
            Key("q\x1b", "q", "quit", self._quit),
        )

    @property
    def open(self) -> bool:
        """False once the person has quit, or the work has failed."""
        return self._open

    def show(self, shown: Shown) -> None:
        """Take a picture to show. Never blocks: the window shows the newest."""
        self._newest.put(shown)

    def close(self) -> None:
        """The stream has ended, and with it the window."""
        self._newest.close()

    def run(self, work: Callable[[], T]) -> T:
        """Show what `work` gives the window until it ends; for the main thread.

        Whatever ends the window early, Ctrl-C too, makes `open` False and waits for the work.

        Returns:
            What `work` returns.

        Raises:
            BaseException: what `work` raised.
        """
        results: list[T] = []
        errors: list[BaseException] = []

        def do() -> None:
            try:
                results.append(work())
            except BaseException as error:  # carried over to the main thread
                errors.append(error)
                self._open = False
            finally:
                self._newest.close()

        thread = threading.Thread(target=do, name="stream")
        gui = self._gui
        # Without the library's own row of buttons.
        flags = gui.WINDOW_NORMAL | gui.WINDOW_KEEPRATIO | gui.WINDOW_GUI_NORMAL
        gui.namedWindow(_TITLE, flags)
        self._say("window: h lists the keys, q quits")
        thread.start()
        try:
            self._loop()
        finally:
            self._open = False
            self._controls.change(paused=False)
            thread.join()
            gui.destroyAllWindows()
        if errors:
            raise errors[0]
        return results[0]

    def _loop(self) -> None:
        while self._open:
            shown = self._newest.get(_LOOK_S)
            if shown is None and self._newest.closed:
                if not self._stays or self._shown is None:
                    return
                time.sleep(_LOOK_S)  # a closed mailbox waits for nothing
            if shown is not None:
                if self._shown is None:
                    height, width = shown.picture.shape[:2]
                    scale = min(1.0, _WIDTH / width, _HEIGHT / height)
                    size = (max(1, round(scale * side)) for side in (width, height))
                    self._gui.resizeWindow(_TITLE, *size)
                self._shown = shown
            self._draw()
            key = key_for(self._gui.pollKey(), self._keys)
            if key is not None:
                self._say(key.act(self._controls))
            if self._shown is not None and self._closed_by_mouse():
                self._open = False

    def _draw(self) -> None:
        """Show the frame, unless it stands there already with the same settings."""
        if self._shown is None:
            return
        now = (self._shown, self._controls.settings, self._help)
        if self._drawn is not None and now == self._drawn:
            return
        fresh = self._drawn is None or self._drawn[0] is not self._shown
        # A frame that stands still follows the keys too.
        picture = self._shown.picture.copy() if fresh else self._redrawn(self._shown)
        draw_lines(picture, self._lines(self._shown))
        self._gui.imshow(_TITLE, cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))
        self._drawn = now
        if fresh:
            self._rates.add(captured=self._shown.frame.captured, now=time.monotonic())

    def _redrawn(self, shown: Shown) -> np.ndarray:
        settings = self._controls.settings
        contours = shown.contours.filter(min_score=settings.score)
        return draw_frame(shown.frame, contours, settings)

    def _lines(self, shown: Shown) -> list[str]:
        settings = self._controls.settings
        paused = ", paused" if settings.paused else ""
        stage = settings.stage or "the model's"
        lines = [
            f"{shown.fps:.1f} frames/s, {1000 * self._rates.latency_s:.0f} ms late{paused}",
            f"score {settings.score:.2f}, stage {stage}, h: keys",
        ]
        if self._help:
            lines += [f"{key.name:>5}  {key.help}" for key in self._keys]
        return lines

    def _closed_by_mouse(self) -> bool:
        return self._gui.getWindowProperty(_TITLE, self._gui.WND_PROP_VISIBLE) < 1

    def _toggle_help(self, controls: Controls) -> str:
        self._help = not self._help
        return "; ".join(f"{key.name}: {key.help}" for key in self._keys)

    def _quit(self, controls: Controls) -> str:
        self._open = False
        return "window closed"

    def _save(self, controls: Controls) -> str:
        if self._shown is None:
            return "no frame yet"
        frame, contours = self._shown.frame, self._shown.contours
        contours = contours.filter(min_score=controls.settings.score)
        folder = self._folder / "saved"
        path = folder / f"frame_{frame.index:06d}.png"
        try:
            folder.mkdir(parents=True, exist_ok=True)
            write_image(path, draw_frame(frame, contours, controls.settings))
            atomic_write_json(path.with_suffix(".json"), document([contours]))
        except (OSError, InputError) as error:
            return f"not saved: {error}"
        return f"saved {path} and {path.with_suffix('.json').name}"
