"""The first part of a report: what was evaluated, how good it is, by stage, size and class."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from e2ec.app.report.charts import Line, bars, hundred, lines, number
from e2ec.app.report.evaluation import Evaluation
from e2ec.app.report.html import Markup, cards, folded, section, table, tag
from e2ec.metrics.main_metric import main_metric

_MOST_BARS = 16
_MOST_LINES = 8
_TYPES = {"segm": "masks", "bbox": "boxes", "boundary": "boundaries"}
_SIZES = {
    "APs": "small: below 32² pixels",
    "APm": "medium: below 96² pixels",
    "APl": "large: above",
}
WHAT_AP_IS = (
    "AP, average precision, is 100 where every object is outlined and nothing else. It is the mean "
    "over demands on the outline: AP50 asks an overlap (IoU, the shared area as a part of the area "
    "of both) of 50 % with the label, AP75 of 75 %."
)


def headline(evaluation: Evaluation) -> Markup:
    """What was evaluated, and the numbers to remember."""
    summary, matches = evaluation.summary, evaluation.matches
    facts = {
        "Preset": summary.get("preset"),
        "Evaluated": summary.get("source"),
        "Stage": stage_name(evaluation),
        "Images": f"{summary.get('images')} of {evaluation.dataset.source}, {summary.get('split')}",
        "Folder": evaluation.folder,
    }
    rows = [
        (tag("dt", name), tag("dd", value)) for name, value in facts.items() if value is not None
    ]
    kind = _TYPES[evaluation.iou_type]
    names = ("APvol", "AP50", "AP70") if _sbd(evaluation) else ("AP", "AP50", "AP75")
    big = {
        f"{name} of {kind}": number(
            hundred(evaluation.metrics.get(f"{evaluation.iou_type}/{name}"))
        )
        for name in names
    }
    objects = len(matches.found) + len(matches.missed)
    big |= {
        f"of {objects} objects found": str(len(matches.found)),
        "missed": str(len(matches.missed)),
        "false finds": str(len(matches.false)),
    }
    boxes = [tag("div", tag("strong", value), name) for name, value in big.items()]
    note = (
        f"{WHAT_AP_IS} Found, missed and false count detections that score {evaluation.score:g} or "
        "more, at an overlap of 50 %."
    )
    return tag(
        "section",
        tag("dl", rows, class_="facts"),
        tag("div", boxes, class_="big"),
        tag("p", note, class_="note"),
        folded("All metrics, as metrics.json has them", metrics_table(evaluation)),
    )


def metrics_table(
    *evaluations: Evaluation, names: Sequence[str] = (), keys: Iterable[str] = ()
) -> Markup:
    """What metrics.json has of `keys`, without them everything; of two evaluations side by side,
    with the difference."""
    keys = keys or dict.fromkeys(key for one in evaluations for key in one.metrics)
    rows = []
    for key in keys:
        values = [one.metrics.get(key) for one in evaluations]
        scale = 1.0 if key.startswith("distances/") else 100.0
        shown = [None if value is None else scale * value for value in values]
        cells = [number(value) for value in shown]
        if len(shown) == 2:
            first, second = shown
            known = first is not None and second is not None
            cells.append(f"{second - first:+.1f}" if known else "-")  # type: ignore[operator]
        rows.append([key, *cells])
    head = ["metric", *(names or ["value"]), *(["difference"] if len(evaluations) == 2 else [])]
    return table(head, rows, caption="Shares in percent, distances in pixels.")


def by_stage(evaluations: dict[str, Evaluation]) -> Markup | None:
    """AP at every stage of the contour; None where no evaluation has stages."""
    groups: dict[str, dict[str, dict[str, float | None]]] = {}
    for name, one in evaluations.items():
        main = main_metric(one.config).replace("/", " ").replace("segm", "mask")
        for prefix, kind in (("stages/", main), ("stages_boundary/", "boundary AP")):
            found = {
                key.removeprefix(prefix): hundred(value)
                for key, value in one.metrics.items()
                if key.startswith(prefix)
            }
            if found:
                groups.setdefault(kind, {})[name] = found
    if not groups:
        return None
    first = next(iter(evaluations.values()))
    note = (
        "A contour is drawn in stages, each starting from the one before. Where a later stage is "
        "no better than an earlier one, it does not pay."
    )
    if len(evaluations) == 1:
        note += f" Evaluated above: {stage_name(first)}."
    drawings = []
    for kind, runs in groups.items():
        stages = [*dict.fromkeys(stage for values in runs.values() for stage in values)]
        values = {name or kind: [own.get(s) for s in stages] for name, own in runs.items()}
        title = f"{kind[0].upper()}{kind[1:]} by stage"
        drawings.append(bars(title, stages, values, alt=title))
    return section("By stage", note, cards(drawings))


def by_size(evaluations: dict[str, Evaluation]) -> Markup | None:
    """AP of small, medium and large objects, as metrics.json has them."""
    if any(f"{one.iou_type}/APs" not in one.metrics for one in evaluations.values()):
        return None
    values = {
        name or "AP": [hundred(one.metrics[f"{one.iou_type}/{key}"]) for key in _SIZES]
        for name, one in evaluations.items()
    }
    names = ["small", "medium", "large"]
    note = f"COCO's sizes by the area of an object: {'; '.join(_SIZES.values())}."
    first = next(iter(evaluations.values()))
    counts = Counter(_size(e["area"]) for e in first.inputs.annotations if not e["iscrowd"])
    note += " Objects here: " + ", ".join(f"{counts[name]} {name}" for name in names) + "."
    return section("By size", note, cards(bars("AP by size", names, values, alt="AP by size")))


def by_class(evaluations: dict[str, Evaluation]) -> Markup:
    """AP of every class; the best and the worst as bars."""
    first = next(iter(evaluations.values()))
    measured = {name: class_ap(one) for name, one in evaluations.items()}
    names = first.class_names
    known = [key for key in names if next(iter(measured.values())).get(key) is not None]
    ranked = sorted(known, key=lambda key: next(iter(measured.values()))[key] or 0.0)
    shown = ranked
    title = "AP by class"
    if len(ranked) > _MOST_BARS:
        half = _MOST_BARS // 2
        shown = ranked[:half] + ranked[-half:]
        title = f"AP by class: the {half} worst and the {half} best of {len(ranked)}"
    values = {
        name or "AP": [hundred(found.get(key)) for key in shown] for name, found in measured.items()
    }
    counts = Counter(
        entry["category_id"] for entry in first.inputs.annotations if not entry["iscrowd"]
    )
    rows = [
        [names[key], str(counts[key]), *(number(hundred(ap.get(key))) for ap in measured.values())]
        for key in names
    ]
    head = ["class", "objects", *(name or "AP" for name in measured)]
    drawing = bars(title, [names[key] for key in shown], values, alt=title) if shown else None
    every = table(head, rows)
    if len(rows) > _MOST_BARS:
        every = folded("All classes", every)
    note = "Classes without any object here have no AP and count for nothing."
    return section("By class", note, cards(drawing, tag("div", every)))


def curves(evaluations: dict[str, Evaluation]) -> Markup:
    """Precision by recall: the mean over classes, and by class."""
    two = len(evaluations) > 1
    mean: dict[str, Line] = {}
    rows: list[list[str]] = [[f"{recall / 10:.1f}"] for recall in range(0, 11)]
    for name, one in evaluations.items():
        for iou in (0.5, 0.7 if _sbd(one) else 0.75):
            x, y = precision_curve(one, iou)
            label = f"{name} at IoU {100 * iou:.0f} %".strip()
            mean[label] = (x, y)
            for row, value in zip(rows, y[::10] if y else ["-"] * 11, strict=True):
                row.append(value if isinstance(value, str) else f"{value:.3f}")
    numbers = table(["recall", *mean], rows)
    drawings = [
        lines(
            "Mean over the classes",
            {name: line for name, line in mean.items() if line[0]},
            across="recall: share of the objects that are found",
            up="precision: share that is right",
            alt="Precision by recall, from the highest score to the lowest; numbers below",
            numbers=numbers,
            unit=True,
            paired=two,
        )
    ]
    first = next(iter(evaluations.values()))
    if not two and len(first.class_names) > 1:
        drawings.append(_class_curves(first))
    note = (
        "Going down the scores, more objects are found (recall) and more finds are wrong "
        "(precision falls). The area below a curve is the AP at that overlap."
    )
    return section("Precision and recall", note, cards(drawings))


def _class_curves(evaluation: Evaluation) -> Markup:
    measured = class_ap(evaluation)
    known = [key for key, value in measured.items() if value is not None]
    worst = sorted(known, key=lambda key: measured[key] or 0.0)[:_MOST_LINES]
    series: dict[str, Line] = {
        evaluation.class_names[key]: precision_curve(evaluation, 0.5, key) for key in worst
    }
    title = "By class, at IoU 50 %"
    if len(known) > len(worst):
        title += f": the {len(worst)} with the lowest AP"
    rows = [[f"{r / 10:.1f}", *(f"{y[10 * r]:.3f}" for _, y in series.values())] for r in range(11)]
    return lines(
        title,
        series,
        across="recall",
        up="precision",
        alt=f"Precision by recall of {', '.join(series)}; numbers below",
        numbers=None if len(series) > 4 else table(["recall", *series], rows),
        unit=True,
    )


def precision_curve(evaluation: Evaluation, iou: float, category: int | None = None) -> Line:
    """Recall 0, 0.01, ..., 1 and the precision there: of a class, or the mean over classes that
    have objects; nothing where there are none."""
    found = evaluation.precision_recall
    (row,) = [n for n, one in enumerate(found.iou_thresholds) if abs(one - iou) < 1e-9]
    values = found.precision[row, :, :, 0]  # (101, classes)
    columns = [
        number
        for number, key in enumerate(found.category_ids)
        if values[0, number] > -1 and category in (None, key)
    ]
    if not columns:
        return [], []
    return [step / 100 for step in range(101)], values[:, columns].mean(1).tolist()


def class_ap(evaluation: Evaluation) -> dict[int, float | None]:
    """AP (APvol of SBD) of every class by category id, as `--eval.per-class` gives it."""
    found = evaluation.precision_recall
    return {key: found.average_precision(category=key) for key in found.category_ids}


def stage_name(evaluation: Evaluation) -> str | None:
    """The stage evaluated, with what it stands for."""
    stage = evaluation.summary.get("stage")
    if stage is None or evaluation.stages is None or evaluation.stages.evaluated == stage:
        return stage
    return f"{stage} ({evaluation.stages.evaluated})"


def _sbd(evaluation: Evaluation) -> bool:
    return main_metric(evaluation.config).endswith("APvol")


def _size(area: float) -> str:
    return "small" if area < 32**2 else "medium" if area < 96**2 else "large"
