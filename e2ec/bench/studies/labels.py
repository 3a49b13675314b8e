"""The labels that a study is about, as training takes them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
from tyro.conf import Positional, arg

from dataset.index.label_index import LabelIndex
from dataset.index.records import AnnotationRecord
from lib.polygons.geometry import remove_repeated_points


@dataclass(frozen=True)
class LabelFiles:
    """Options that every study of labels has."""

    annotations: Annotated[Positional[tuple[Path, ...]], arg(metavar="FILE ...")]
    """COCO annotation files."""

    def __post_init__(self) -> None:
        if not self.annotations:
            raise ValueError("name at least one file")


def objects(index: LabelIndex) -> Iterator[tuple[AnnotationRecord, list[np.ndarray]]]:
    """Every object, crowd regions aside, with its parts (n, 2) of three distinct points or more."""
    for position in range(len(index)):
        for annotation in index.annotations(position):
            if not annotation.crowd:
                parts = annotation.polygons
                yield annotation, [p for p in parts if len(remove_repeated_points(p)) >= 3]
