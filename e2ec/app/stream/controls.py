"""What can be changed while a stream runs: by keys in the window, or by the web page."""

from __future__ import annotations

import threading
from dataclasses import dataclass, replace
from typing import Any

from e2ec.results.default_score import DEFAULT_SCORE


@dataclass(frozen=True)
class Settings:
    """How frames are processed and drawn at one moment.

    Attributes:
        stage: which contour; None takes the model's own.
        score: instances with a lower score are left out, 0 to 1.
        fill: opacity of the filled area, 0 (none) to 1.
        vertices: draw the vertices of every contour.
        labels: True writes class and score where there is room; False writes none; None writes
            them in images of few instances (`draw_contours`).
        tracks: colours follow the tracks, and ids are written, where there are tracks.
        paused: no frame is processed.
    """

    stage: str | None = None
    score: float = DEFAULT_SCORE
    fill: float = 0.35
    vertices: bool = False
    labels: bool | None = None
    tracks: bool = True
    paused: bool = False

    def __post_init__(self) -> None:
        for name in ("score", "fill"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name} must lie in [0, 1], not {getattr(self, name)}")


class Controls:
    """The settings of a running stream; any thread may read and change them."""

    def __init__(self, settings: Settings | None = None, *, stages: tuple[str, ...] = ()) -> None:
        """Start with `settings`; `stages` names those of the model in order, () allows any."""
        self._changed = threading.Condition()
        self._settings = Settings() if settings is None else settings
        self._steps = 0
        self.stages = stages

    @property
    def settings(self) -> Settings:
        """The settings of this moment; they do not change under whoever holds them."""
        with self._changed:
            return self._settings

    def change(self, **changes: Any) -> Settings:
        """Replace some of the fields of `Settings`; the new settings.

        Raises:
            ValueError: a value out of its range, or a stage that the model does not have.
            TypeError: there is no such field.
        """
        stage = changes.get("stage")
        if stage is not None and self.stages and stage not in self.stages:
            raise ValueError(f"there is no stage {stage!r}: {', '.join(self.stages)}")
        with self._changed:
            self._settings = replace(self._settings, **changes)
            self._changed.notify_all()
            return self._settings

    def step(self) -> None:
        """Let one more frame through while paused, and pause where it is not."""
        with self._changed:
            self._settings = replace(self._settings, paused=True)
            self._steps = 1
            self._changed.notify_all()

    def may_go_on(self, timeout: float | None = None) -> bool:
        """Wait while paused, at most `timeout` seconds; whether the next frame may be processed.

        A step is used up by this.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._steps or not self._settings.paused, timeout)
            if not self._settings.paused:
                self._steps = 0
                return True
            used, self._steps = self._steps, 0
            return bool(used)
