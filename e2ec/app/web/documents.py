"""Contours that a client sends back: read without trusting them."""

from __future__ import annotations

from typing import Any

import numpy as np

from e2ec.app.web.limits import Limits
from e2ec.app.web.names import renamed
from e2ec.app.web.refusal import Refusal
from e2ec.results.contours import Contours
from e2ec.results.shapes import as_given
from lib.errors import InputError

_LAYER_BYTES = 1 << 30
_MASK_WORK = 20_000_000_000
_NUMBER_BYTES = 4
_FARTHEST = 1e9


def read_contours(data: bytes, limits: Limits) -> Contours:
    """The contours in a native document of one image, as an editor sends them.

    Raises:
        Refusal: not such a document (422), or more than the limits allow (413).
    """
    try:
        text = data.decode("utf-8")
        contours = Contours.from_json(text, name="the document")
        "".join(contours.class_names).encode()  # "\ud800" in JSON is half of a character
    except UnicodeError as error:
        raise Refusal(422, "the document is not UTF-8 text") from error
    except InputError as error:
        raise Refusal(422, str(error)) from error
    if contours.height * contours.width > limits.pixels:
        raise Refusal(413, f"the picture has more than {limits.pixels:,} pixels, the limit")
    if len(contours) > limits.instances:
        raise Refusal(413, f"the document has more than {limits.instances} instances, the limit")
    masks = sum(runs is not None for runs in contours.runs)
    if masks * contours.height * contours.width > _MASK_WORK:
        raise Refusal(413, "the document has too many masks for a picture of this size")
    # Those of masks would have to be traced first; they follow from the pixels.
    parts, holes = as_given(contours.parts), as_given(contours.holes)
    rings = [ring for some in parts for ring in some]
    rings += [hole for inner in holes for some in inner for hole in some]
    if max(map(len, rings), default=0) > limits.ring_points:
        raise Refusal(413, f"a polygon has more than {limits.ring_points} points, the limit")
    if sum(map(len, rings)) > limits.points:
        raise Refusal(413, f"the document has more than {limits.points} points, the limit")
    if any(np.abs(ring).max() > _FARTHEST for ring in rings):  # squares of them are too large
        raise Refusal(422, "a point lies too far outside of the picture")
    return renamed(contours, contours.source)


def check_masks(contours: Contours) -> None:
    """Refuse what would take more memory or time than there is when it is painted as masks.

    Instances that overlap lie in layers, each an image of its own. One more is needed at most than
    larger instances have boxes that meet its own.

    Raises:
        Refusal: too much (413).
    """
    pixels = contours.height * contours.width
    boxes = contours.boxes()[np.argsort(-contours.areas(), kind="stable")]
    layers = 1 + max((int(_meets(box, boxes[:i]).sum()) for i, box in enumerate(boxes)), default=0)
    if layers * pixels * _NUMBER_BYTES > _LAYER_BYTES or len(contours) * pixels > _MASK_WORK:
        raise Refusal(413, "too many instances overlap in a picture of this size for masks")


def _meets(box: Any, others: np.ndarray) -> np.ndarray:
    """(n,) bool: which boxes (n, 4) have a point in common with `box`."""
    return (np.maximum(others[:, :2], box[:2]) <= np.minimum(others[:, 2:], box[2:])).all(axis=1)
