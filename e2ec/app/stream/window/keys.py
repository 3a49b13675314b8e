"""What the keys of the window do."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from e2ec.app.stream.controls import Controls

_SCORE_STEP = 0.05
_FILLS = (0.35, 0.7, 0.0)


@dataclass(frozen=True)
class Key:
    """Keys that do the same.

    Attributes:
        keys: characters.
        name: how the keys are called in the list.
        help: what they do.
        act: does it; a line that says what has changed.
    """

    keys: str
    name: str
    help: str
    act: Callable[[Controls], str]


def key_for(code: int, keys: tuple[Key, ...]) -> Key | None:
    """The entry of a key by OpenCV's code of it; -1 stands for no key."""
    if code < 0:
        return None
    character = chr(code & 0xFFFF)  # above are Shift and the like, in some builds
    return next((key for key in keys if character in key.keys), None)


def _next_stage(controls: Controls) -> str:
    stages = controls.stages
    if not stages:
        return "the model has one stage"
    now = controls.settings.stage
    chosen = stages[(stages.index(now) + 1) % len(stages)] if now in stages else stages[0]
    return f"stage {controls.change(stage=chosen).stage}"


def _score(step: float) -> Callable[[Controls], str]:
    def change(controls: Controls) -> str:
        score = round(min(max(controls.settings.score + step, 0.0), 1.0), 2)
        return f"score threshold {controls.change(score=score).score:.2f}"

    return change


def _next_fill(controls: Controls) -> str:
    fill = controls.settings.fill
    chosen = _FILLS[(_FILLS.index(fill) + 1) % len(_FILLS)] if fill in _FILLS else _FILLS[0]
    return f"fill {controls.change(fill=chosen).fill:.0%}"


def _vertices(controls: Controls) -> str:
    shown = controls.change(vertices=not controls.settings.vertices).vertices
    return f"vertices {'on' if shown else 'off'}"


def _labels(controls: Controls) -> str:
    shown = controls.change(labels=controls.settings.labels is False).labels
    return f"labels {'on' if shown else 'off'}"


def _tracks(controls: Controls) -> str:
    shown = controls.change(tracks=not controls.settings.tracks).tracks
    return f"colours by {'track' if shown else 'instance'}"


def _pause(controls: Controls) -> str:
    return "paused" if controls.change(paused=not controls.settings.paused).paused else "going on"


def _step(controls: Controls) -> str:
    controls.step()
    return "one frame further"


KEYS = (
    Key("c", "c", "next stage of the contour", _next_stage),
    Key("+=", "+", "higher score threshold", _score(_SCORE_STEP)),
    Key("-_", "-", "lower score threshold", _score(-_SCORE_STEP)),
    Key("f", "f", "fill: light, strong, none", _next_fill),
    Key("v", "v", "vertices", _vertices),
    Key("l", "l", "class and score", _labels),
    Key("t", "t", "colours by track", _tracks),
    Key(" p", "space", "pause", _pause),
    Key("n.", "n", "one frame further", _step),
)
"""Those that change what the controls hold; the window adds its own."""
