"""What goes wrong: scores that promise too much, classes taken for others, misses, false finds."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from itertools import pairwise
from typing import Any

import numpy as np

from e2ec.app.report.charts import Line, heat, lines, stacked
from e2ec.app.report.evaluation import Evaluation
from e2ec.app.report.html import Markup, cards, section, table, tag
from e2ec.metrics.calibration import calibration
from e2ec.metrics.coco import Metrics
from e2ec.metrics.image_overlaps import image_overlaps
from e2ec.metrics.matches import match_detections
from lib.errors import InputError

BACKGROUND = "nothing"
_EDGES = (0, 8, 16, 24, 32, 48, 64, 96, 128, 192, 256)
_MOST_CLASSES = 12
_MOST_PAIRS = 15


def calibration_section(evaluations: dict[str, Evaluation]) -> Markup:
    """Scores against the share that is right."""
    series: dict[str, Line] = {}
    tables: list[Markup] = []
    said: list[str] = []
    for name, one in evaluations.items():
        found = measured_calibration(one)
        if isinstance(found, str):
            said.append(f"{name}: {found}" if name else found)
            continue
        metrics, rows = found
        error, over = metrics["calibration/error"], metrics["calibration/overconfidence"]
        if error is None or over is None:
            said.append(f"{name}: no detections" if name else "No detections")
            continue
        series[name or "detections"] = (
            [row["mean_score"] for row in rows],
            [row["right"] for row in rows],
        )
        cells = [
            [f"{row['from']:.1f} to {row['to']:.1f}", str(row["detections"]),
             f"{row['mean_score']:.3f}", f"{row['right']:.3f}"]
            for row in rows
        ]  # fmt: skip
        head = ["score", "detections", "mean score", "right"]
        tables.append(table(head, cells, caption=name))
        sign = "above" if over > 0 else "below"
        said.append(
            f"{name + ': c' if name else 'C'}alibration error {100 * error:.1f} points; on average "
            f"scores lie {100 * abs(over):.1f} points {sign} the share that is right"
        )
    drawing = None
    if series:
        drawing = lines(
            "Scores and what they are worth",
            series,
            across="score",
            up="share that is right",
            alt=f"Share of right detections by score. {'. '.join(said)}; numbers below",
            numbers=Markup("".join(tables)),
            unit=True,
            diagonal=True,
            points=True,
        )
    note = (
        "Of detections that score 0.8, eight in ten should be right (dotted line). Points above it "
        "say that scores are too modest, points below that they promise too much. Right is an "
        f"overlap of 50 %. {'. '.join(said)}."
    )
    return section("Calibration", note, cards(drawing))


def measured_calibration(evaluation: Evaluation) -> tuple[Metrics, list[dict[str, float]]] | str:
    """Of `e2ec.metrics.calibration`, or why there is none."""
    if not evaluation.has_masks:
        return "Calibration compares masks, and not every result has one"
    try:
        return calibration(image_overlaps(evaluation.inputs))
    except InputError:
        return "No calibration: scores lie outside of 0 to 1"


def confusion(evaluation: Evaluation) -> np.ndarray:
    """(classes + 1, classes + 1) counts: a row what it is, a column what it was found as; the last
    of both is nothing: false finds, and misses. By overlap alone, whatever the class."""
    matches = match_detections(
        evaluation.inputs,
        score=evaluation.score,
        max_detections=max(1, len(evaluation.inputs.detections)),
        across_classes=True,
    )
    place = {key: number for number, key in enumerate(evaluation.class_names)}
    is_, found = evaluation.annotations, evaluation.detections
    counts = np.zeros((len(place) + 1, len(place) + 1), np.int64)
    for match in matches.found:
        row = place[is_[match.annotation]["category_id"]]
        counts[row, place[found[match.detection]["category_id"]]] += 1
    for annotation in matches.missed:
        counts[place[is_[annotation]["category_id"]], -1] += 1
    for detection in matches.false:
        counts[-1, place[found[detection]["category_id"]]] += 1
    return counts


def confusion_section(evaluation: Evaluation, title: str = "Confusion") -> Markup:
    """What is taken for what, and for nothing."""
    counts = confusion(evaluation)
    names = [*evaluation.class_names.values(), BACKGROUND]
    parts: list[Markup] = []
    if len(names) <= _MOST_CLASSES + 1:
        said = "Counts: rows are what objects are, columns what they were found as; table beside"
        parts.append(heat("Counts", names, counts, alt=said))
    rows = []
    for number, name in enumerate(names[:-1]):
        own = counts[number]
        other = int(own[:-1].sum() - own[number])
        rows.append([name, *map(str, (own.sum(), own[number], other, own[-1], counts[-1, number]))])
    head = ["class", "objects", "right", "as another", "missed", "false"]
    parts.append(tag("div", table(head, rows[: 2 * _MOST_CLASSES])))
    pairs = [
        (int(counts[row, column]), row, column)
        for row in range(len(names) - 1)
        for column in range(len(names) - 1)
        if row != column and counts[row, column]
    ]
    if pairs:
        pairs.sort(key=lambda pair: -pair[0])
        cells = [
            [f"{names[row]} found as {names[column]}", str(count),
             f"{100 * count / counts[row].sum():.0f} %"]
            for count, row, column in pairs[:_MOST_PAIRS]
        ]  # fmt: skip
        head = ["most frequent", "times", "of its class"]
        parts.append(tag("div", table(head, cells)))
    note = (
        f"Detections that score {evaluation.score:g} or more and objects, matched by overlap alone "
        f"(50 % or more). “{BACKGROUND}” is what was not there, or was not found."
    )
    return section(title, note, cards(parts))


def sizes_section(evaluations: dict[str, Evaluation]) -> Markup:
    """Misses and false finds by the size of the object or of the detection."""
    drawings: list[Markup] = []
    for name, one in evaluations.items():
        before = f"{name}: " if name else ""
        matches = one.matches
        found = [side(one.annotations[match.annotation]) for match in matches.found]
        missed = [side(one.annotations[id]) for id in matches.missed]
        right = [side(one.detections[match.detection]) for match in matches.found]
        false = [side(one.detections[id]) for id in matches.false]
        drawings.append(_by_side(f"{before}objects", {"found": found, "missed": missed}))
        drawings.append(_by_side(f"{before}detections", {"right": right, "false": false}))
    score = next(iter(evaluations.values())).score
    note = (
        "How large what is missed is, and what is found where nothing is. Size is the side of a "
        f"square of the same area, in pixels; detections score {score:g} or more."
    )
    return section("Misses and false finds", note, cards(drawings))


def side(entry: dict[str, Any]) -> float:
    """The side in pixels of a square of the same area: of the mask or, without, of the box."""
    area = entry.get("mask_area", entry.get("area"))
    if area is None:
        _, _, width, height = entry["bbox"]
        area = width * height
    return float(area) ** 0.5


def _by_side(title: str, sides: dict[str, list[float]]) -> Markup:
    names = [f"{a}-{b}" for a, b in pairwise(_EDGES)] + [f"{_EDGES[-1]}+"]
    counts = {name: _binned(values) for name, values in sides.items()}
    used = [n for n in range(len(names)) if any(row[n] for row in counts.values())] or [0]
    span = slice(used[0], used[-1] + 1)
    total = "; ".join(f"{len(values)} {name}" for name, values in sides.items())
    return stacked(
        f"{title[0].upper()}{title[1:]}: {total}",
        names[span],
        {name: row[span] for name, row in counts.items()},
        below="size in pixels",
        alt=title,
    )


def _binned(sides: Iterable[float]) -> list[int]:
    places = Counter(int(np.searchsorted(_EDGES, value, "right")) - 1 for value in sides)
    return [places[number] for number in range(len(_EDGES))]
