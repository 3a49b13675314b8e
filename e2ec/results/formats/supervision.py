"""Instances as `Detections` of the package supervision: its zones, counters and annotators."""

from __future__ import annotations

from typing import Any

import numpy as np

from e2ec.results.instances import Instances
from e2ec.results.masks import dense_masks
from lib.errors import InputError


def detections(instances: Instances, *, masks: bool = True) -> Any:
    """A `supervision.Detections` of the same instances in the same order.

    Boxes are (x0, y0, x1, y1) in pixels. Its `tracker_id` are the `track_ids` where there are any,
    and its data has the `class_name` of every instance.

    Args:
        instances: of one image.
        masks: with a mask (height, width) an instance, which takes memory; counting on a line or
            in a zone needs none.

    Raises:
        InputError: the package is not installed.
    """
    try:
        from supervision import Detections
    except ModuleNotFoundError as error:
        raise InputError(
            f"supervision needs an extra: pip install -e '.[track]' ({error.name} is not installed)"
        ) from error
    return Detections(
        xyxy=instances.boxes(),
        mask=dense_masks(instances).astype(bool) if masks else None,
        confidence=instances.scores.copy(),
        class_id=instances.labels.copy(),
        tracker_id=None if instances.track_ids is None else instances.track_ids.copy(),
        data={"class_name": np.array(instances.class_names, dtype=object)[instances.labels]},
    )
