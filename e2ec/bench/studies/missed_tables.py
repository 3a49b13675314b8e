"""Tables of the study of lost labels, and the same numbers for its file."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from e2ec.bench.report import table
from e2ec.bench.studies.match_causes import CAUSES, KINDS, Counts, Overlaps, best_threshold, count

IOUS = (0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9)
SIZES = (0, 8, 12, 16, 24, 40)
"""Where rows of the table by size begin: diameters of circles of the same area, pixels."""
WORST = 10


@dataclass(frozen=True, eq=False)
class Judged:
    """An image with what is wrong on it.

    Attributes:
        name: of its file.
        fluorescence: whether it is one of those.
        overlaps: of n detections and m labels.
        causes: of every label, None where it is found.
        kinds: of every detection, None where it is right or below the threshold.
        at_border: of every label.
    """

    name: str
    fluorescence: bool
    overlaps: Overlaps
    causes: Sequence[str | None]
    kinds: Sequence[str | None]
    at_border: Sequence[bool]

    @cached_property
    def counts(self) -> Counts:
        """At the threshold and the IoU that causes and kinds are of."""
        lost = sum(cause is not None for cause in self.causes)
        false = sum(kind is not None for kind in self.kinds)
        return Counts(len(self.causes) - lost, false, lost)

    @property
    def errors(self) -> int:
        """Lost labels and false detections."""
        return self.counts.lost + self.counts.false


def report(images: Sequence[Judged], threshold: float, iou: float) -> tuple[str, dict[str, Any]]:
    """The tables in Markdown, and their numbers."""
    groups = {"fluorescence": [one for one in images if one.fluorescence], "all": list(images)}
    groups = {name: some for name, some in groups.items() if some}
    scores = {name: scores_by_iou(some, threshold) for name, some in groups.items()}
    causes = {name: shares(some, CAUSES, _causes, mended_label) for name, some in groups.items()}
    kinds = {name: shares(some, KINDS, _kinds, mended_detection) for name, some in groups.items()}
    rows = [
        [f"{name}, {len(some)} images", *(f"{value:.3f}" for value in scores[name].values())]
        for name, some in groups.items()
    ]
    text = [table(["TP / (TP + FP + FN) at IoU", *map(str, scores["all"])], rows)]
    for name, some in groups.items():
        best, reached = best_threshold(
            [one.overlaps for one in some], np.arange(0.02, 1, 0.02).round(4).tolist(), iou
        )
        text.append(
            f"{name}: these images themselves would choose {best:g} and reach {reached:.3f}"
        )
    lost = [f"lost at IoU {iou:g}", *_twice(groups), "what it means"]
    text.append(table(lost, _share_rows(causes, CAUSES)))
    text.append(table(["false", *_twice(groups), "what it means"], _share_rows(kinds, KINDS)))
    for name, some in groups.items():
        head = [f"diameter, pixels ({name})", "labels", "lost", *CAUSES]
        text.append(table(head, by_size(some)))
    text.append(table(["image", "labels", "TP/(TP+FP+FN)", "lost", "false"], worst(images)))
    numbers = {
        "scores": scores,
        "lost": causes,
        "false": kinds,
        "images": [_document(one) for one in images],
    }
    return "\n\n".join(text), numbers


def scores_by_iou(images: Sequence[Judged], threshold: float) -> dict[str, float]:
    """TP / (TP + FP + FN), averaged over images, at every IoU, and the mean of these."""
    values = {
        f"{iou:g}": float(np.mean([count(one.overlaps, threshold, iou).score for one in images]))
        for iou in IOUS
    }
    return values | {"mean": float(np.mean(list(values.values())))}


def mended_label(counts: Counts, number: int) -> Counts:
    """What so many labels more would make of an image's counts; false detections stay."""
    return Counts(counts.right + number, counts.false, counts.lost - number)


def mended_detection(counts: Counts, number: int) -> Counts:
    """The same of so many false detections less."""
    return Counts(counts.right, counts.false - number, counts.lost)


def shares(
    images: Sequence[Judged],
    names: Mapping[str, str],
    of: Callable[[Judged], Sequence[str | None]],
    mended: Callable[[Counts, int], Counts],
) -> dict[str, tuple[int, float]]:
    """By cause or kind how many there are, and by how much the average would rise without."""
    base = np.mean([one.counts.score for one in images])
    found = {}
    for name in names:
        numbers = [sum(cause == name for cause in of(one)) for one in images]
        better = [
            mended(one.counts, number).score for one, number in zip(images, numbers, strict=True)
        ]
        found[name] = (sum(numbers), float(np.mean(better) - base))
    return found


def by_size(images: Sequence[Judged]) -> list[list[str]]:
    """Rows of the table by size: labels, lost ones, and these by cause; last, those at the border
    of the image, of all sizes."""
    diameters, causes, border = [], [], []
    for one in images:
        diameters += (2 * np.sqrt(one.overlaps.label_areas / np.pi)).tolist()
        causes += list(one.causes)
        border += list(one.at_border)
    ends = [*SIZES[1:], np.inf]
    rows = []
    for start, end in zip(SIZES, ends, strict=True):
        here = [c for d, c in zip(diameters, causes, strict=True) if start <= d < end]
        rows.append(_size_row(f"{start} to {end:g}" if end < np.inf else f"from {start}", here))
    edge = [cause for cause, at in zip(causes, border, strict=True) if at]
    return [*rows, _size_row("at the image's border", edge)]


def _size_row(name: str, causes: Sequence[str | None]) -> list[str]:
    counter = Counter(causes)
    lost = len(causes) - counter[None]
    share = f"{lost} ({100 * lost / len(causes):.0f} %)" if causes else "0"
    return [name, str(len(causes)), share, *(str(counter[cause]) for cause in CAUSES)]


def worst(images: Sequence[Judged]) -> list[list[str]]:
    """Rows of the images with the lowest scores."""
    rows = []
    for one in sorted(images, key=lambda one: one.counts.score)[:WORST]:
        counts = one.counts
        rows.append(
            [
                f"{one.name[:12]}{'' if one.fluorescence else ' (other)'}",
                str(len(one.causes)),
                f"{counts.score:.2f}",
                _listed(one.causes),
                _listed(one.kinds),
            ]
        )
    return rows


def _listed(names: Sequence[str | None]) -> str:
    counter = Counter(name for name in names if name)
    return ", ".join(f"{number} {name}" for name, number in counter.most_common())


def _twice(groups: Mapping[str, Any]) -> list[str]:
    return [f"{name}{what}" for name in groups for what in (": number", ": costs")]


def _share_rows(
    found: Mapping[str, Mapping[str, tuple[int, float]]], names: Mapping[str, str]
) -> list[list[str]]:
    rows = []
    for name, meaning in names.items():
        cells = [(str(group[name][0]), f"{group[name][1]:.3f}") for group in found.values()]
        rows.append([name, *(cell for pair in cells for cell in pair), meaning])
    return rows


def _causes(one: Judged) -> Sequence[str | None]:
    return one.causes


def _kinds(one: Judged) -> Sequence[str | None]:
    return one.kinds


def _document(one: Judged) -> dict[str, Any]:
    counts = one.counts
    return {
        "name": one.name,
        "fluorescence": one.fluorescence,
        "labels": len(one.causes),
        "right": counts.right,
        "false": counts.false,
        "lost": counts.lost,
        "score": counts.score,
        "causes": dict(Counter(cause for cause in one.causes if cause)),
        "kinds": dict(Counter(kind for kind in one.kinds if kind)),
    }
