"""Instances from a LabelMe document."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from dataset.checks.problems import LeftOut, Unusable
from dataset.formats.labelme.shapes import Shape, merge_shapes, read_shape
from e2ec.results.instances import AnyInstances
from lib.errors import InputError


def from_labelme(
    kind: type[AnyInstances],
    document: Mapping[str, Any],
    *,
    class_names: Sequence[str] | None = None,
) -> AnyInstances:
    """The objects of one image, as LabelMe has them.

    Shapes of one label and one `group_id` are the parts of one object. Lines and points are left
    out. A shape's "score", which `to_labelme` writes, is read; others have score 1.

    Args:
        kind: what is made.
        document: the parsed JSON file.
        class_names: name of every class, by class index; all labels found, sorted, without.

    Raises:
        InputError: not a LabelMe document with the size of its image, or something in it is
            unusable.
    """
    height, width = document.get("imageHeight"), document.get("imageWidth")
    entries = document.get("shapes")
    if type(height) is not int or type(width) is not int or not isinstance(entries, list):
        raise InputError("not a LabelMe document with 'shapes', 'imageHeight' and 'imageWidth'")
    groups: dict[tuple[str, Any], list[Shape]] = defaultdict(list)
    scores: dict[tuple[str, Any], float] = {}
    for place, entry in enumerate(entries):
        try:
            shape = read_shape(entry, height, width)
        except LeftOut:
            continue
        except Unusable as error:
            raise InputError(f"shape {place}: {error.what}; {error.remedy}") from error
        key = (shape.label, ("alone", place) if shape.group is None else shape.group)
        groups[key].append(shape)
        scores.setdefault(key, entry.get("score", 1.0))
    names = sorted({label for label, _ in groups}) if class_names is None else [*class_names]
    unknown = {label for label, _ in groups} - {*names}
    if unknown:
        raise InputError(f"label {min(unknown)!r:.60} is not among the classes {names!s:.200}")
    shapes = [merge_shapes(found, height, width) for found in groups.values()]
    path = document.get("imagePath")
    try:
        return kind(
            height=height,
            width=width,
            class_names=tuple(names),
            labels=np.array([names.index(label) for label, _ in groups], np.int64),
            scores=np.array(list(scores.values()), np.float64),
            parts=[list(polygons) for polygons, _ in shapes],
            source=path if isinstance(path, str) and path else None,
            runs=[runs for _, runs in shapes],
        )
    except (TypeError, ValueError) as error:
        raise InputError(f"LabelMe document: {error}") from error
