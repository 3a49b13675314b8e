"""One line about models, views and classes, for people."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from dataset.transforms.test_transform import TestView
from e2ec.families.model_card import ModelCard
from e2ec.results.one_line import one_line

_CLASSES = 4


def describe_card(card: ModelCard) -> str:
    """A model in one line: architecture, classes, view, stage."""
    classes, view = describe_classes(card.class_names), describe_view(card.view)
    return f"{card.architecture}; {classes}; view {view}; stage {card.stage}"


def describe_view(view: TestView) -> str:
    """A view in a few words: "letterbox 512 x 512, zoom 1.5"."""
    shown = view.size is not None and size_matters(view)
    size = f" {view.size[0]} x {view.size[1]}" if view.size is not None and shown else ""
    return f"{view.mode}{size}, zoom {view.zoom:g}"


def size_matters(view: TestView) -> bool:
    """Whether the mode of a view makes use of its size, or takes that of the image."""
    (small, one), (large, other) = (
        replace(view, size=(side, side)).geometry(300, 500) for side in (64, 1024)
    )
    return small != large or not np.array_equal(one, other)


def describe_classes(names: Sequence[str]) -> str:
    """Number and first names of classes: "80 classes: person, bicycle, car, motorcycle, ..."."""
    shown = [one_line(name) for name in names[:_CLASSES]]
    more = ["..."] if len(names) > _CLASSES else []
    return f"{len(names)} class{'es' * (len(names) != 1)}: {', '.join([*shown, *more])}"
