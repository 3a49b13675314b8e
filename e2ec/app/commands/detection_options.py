"""`--max-detections` and `--nms-iou`: how many instances of an image are kept, changed."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from e2ec.engine.predict.predictor import Predictor
from lib.errors import InputError

_OPTIONS = {"max_detections": "--max-detections", "nms_iou": "--nms-iou"}


def change_detection(
    model: Predictor, *, max_detections: int | None, nms_iou: float | None
) -> None:
    """Change what is given; None keeps the weights' own.

    Args:
        model: its card is replaced.
        max_detections, nms_iou: as in `e2ec.config.EvalConfig`.

    Raises:
        InputError: the model has no such setting.
    """
    given = {"max_detections": max_detections, "nms_iou": nms_iou}
    changes: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
    for name in changes:
        if not hasattr(model.card, name):
            raise InputError(
                f"{_OPTIONS[name]}: weights of the family {model.family.name} have no such "
                "setting; leave it out"
            )
    if changes:
        model.card = replace(model.card, **changes)
