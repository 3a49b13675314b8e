"""A training run as `train.py` left it: curves, settings, the last pictures."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2

from e2ec.app.report.charts import Line, bars, lines, number
from e2ec.app.report.comparison import NAMES, different_settings
from e2ec.app.report.html import Markup, cards, folded, section, settings_table, table, tag
from e2ec.app.report.tiles import picture
from e2ec.named_settings import flat
from lib.errors import InputError
from lib.files import read_json
from lib.images import read_image

_MOST_POINTS = 1500  # of the learning rate
_PICTURE_WIDTH = 900
_PICTURE_HEIGHT = 2400
_GROUPS = {
    "segm/": "Masks",
    "bbox/": "Boxes",
    "boundary/": "Boundaries",
    "stages/": "AP of every stage",
    "stages_boundary/": "Boundary AP of every stage",
}


@dataclass(frozen=True)
class TrainingRun:
    """What a run has written.

    Attributes:
        folder: of the run.
        settings: config.json.
        history: an entry an epoch, with "epoch", "losses" and, where evaluated, "metrics".
        kept: what weights.safetensors is of; empty where that is not said.
        rate: steps and learning rates; empty where there are no curves.
    """

    folder: Path
    settings: dict[str, Any]
    history: list[dict[str, Any]]
    kept: dict[str, Any]
    rate: Line


def load_training(folder: Path) -> TrainingRun:
    """Read a run's folder.

    Raises:
        InputError: a file is missing or unusable, or no epoch is finished yet.
    """
    document, settings = read_json(folder / "metrics.json"), read_json(folder / "config.json")
    try:
        history = [dict(entry) for entry in document["history"]]
        for entry in history:
            entry["epoch"], losses = int(entry["epoch"]), entry.get("losses", {})
            entry["losses"] = {str(name): float(value) for name, value in losses.items()}
        kept = dict(document.get("kept") or {})
        dict(settings)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise InputError(
            f"{folder}: metrics.json and config.json are not those of a training run "
            f"({type(error).__name__}: {error}); give the folder that train.py wrote"
        ) from error
    if not history:
        raise InputError(f"{folder}: no epoch is finished yet; wait for the first")
    return TrainingRun(folder, settings, history, kept, _learning_rate(folder))


def _learning_rate(folder: Path) -> Line:
    """Of the TensorBoard files; nothing where there are none that can be read."""
    if not any(folder.glob("events.out.tfevents.*")):
        return [], []
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(folder), size_guidance={"scalars": _MOST_POINTS})
    try:
        events.Reload()
        found = events.Scalars("learning_rate")
    except Exception:  # damaged in one of many ways; curves are no reason to end
        return [], []
    return [event.step for event in found], [event.value for event in found]


def training_sections(runs: list[TrainingRun]) -> list[Markup | None]:
    """All sections of a report of one run or two."""
    named = dict(zip(NAMES if len(runs) > 1 else ("",), runs, strict=True))
    sections: list[Markup | None] = [_head(named), _losses(named), *_metrics(named), _rate(named)]
    sections += [_pictures(name, run) for name, run in named.items()]
    if len(runs) > 1:
        sections.append(different_settings({name: run.settings for name, run in named.items()}))
    for name, run in named.items():
        rows = [*flat(run.settings).items()]
        shown = settings_table(["setting", "value"], rows)
        title = f"Settings of {name}" if name else "Settings"
        sections.append(section(title, "", folded(f"All {len(rows)} settings", shown)))
    return sections


def _head(runs: dict[str, TrainingRun]) -> Markup:
    rows = []
    for name, run in runs.items():
        train, last = run.settings.get("train", {}), run.history[-1]["epoch"]
        facts = {
            f"Run {name}".strip(): run.folder,
            "Preset": run.settings.get("preset"),
            "Epochs": f"{last} of {train.get('epochs', '?')}, batch size "
            f"{train.get('batch_size', '?')}, seed {train.get('seed', '?')}",
            "Weights kept": _kept(run),
        }
        rows += [(tag("dt", k), tag("dd", v)) for k, v in facts.items() if v is not None]
    return tag("section", tag("dl", rows, class_="facts"))


def _kept(run: TrainingRun) -> str | None:
    if "epoch" not in run.kept:
        return None
    values = [
        f"{key} {number(100 * value)}"
        for key, value in run.kept.items()
        if "/" in key and isinstance(value, float)
    ]
    return ", ".join([f"the {run.kept.get('which')}, of epoch {run.kept['epoch']}", *values])


def _losses(runs: dict[str, TrainingRun]) -> Markup:
    names = dict.fromkeys(k for run in runs.values() for e in run.history for k in e["losses"])
    drawings = []
    for loss in sorted(names, key=lambda name: name != "total"):
        series = {
            name or loss: _curve([(e["epoch"], e["losses"].get(loss)) for e in run.history])
            for name, run in runs.items()
        }
        drawings.append(_drawing(f"Loss: {loss}", {k: v for k, v in series.items() if v[0]}))
    note = "Means of every epoch. They should fall; where a loss starts later, it begins there."
    return section("Losses", note, cards(drawings))


def _metrics(runs: dict[str, TrainingRun]) -> list[Markup]:
    """A section of the metrics by epoch, in percent."""
    evaluated = {
        name: [entry for entry in run.history if isinstance(entry.get("metrics"), dict)]
        for name, run in runs.items()
    }
    drawings = []
    for prefix, title in _GROUPS.items():
        series: dict[str, Line] = {}
        for name, entries in evaluated.items():
            keys = dict.fromkeys(k for e in entries for k in e["metrics"] if k.startswith(prefix))
            for key in keys:
                short = key.removeprefix(prefix)
                if "/" in short or (len(runs) > 1 and short not in ("AP", "APvol", "final")):
                    continue
                points = [(e["epoch"], e["metrics"].get(key)) for e in entries]
                curve = _curve([(x, None if y is None else 100 * y) for x, y in points])
                if curve[0]:
                    series[f"{name} {short}".strip()] = curve
        if series and all(len(x) == 1 for x, _ in series.values()):
            drawings.append(_once(title, series))
        elif series:
            drawings.append(_drawing(title, series, points=True, up="percent"))
    if not drawings:
        return []
    note = "On the validation images, in percent; the best weights are chosen by them."
    return [section("Metrics", note, cards(drawings))]


def _once(title: str, series: dict[str, Line]) -> Markup:
    """Metrics of a single evaluation."""
    epochs = sorted({int(x[0]) for x, _ in series.values()})
    values: dict[str, list[float | None]] = {title: [y[0] for _, y in series.values()]}
    after = f"{title}, after epoch {' and '.join(map(str, epochs))}"
    return bars(after, [*series], values, alt=after)


def _rate(runs: dict[str, TrainingRun]) -> Markup:
    series = {name or "learning rate": run.rate for name, run in runs.items() if run.rate[0]}
    if not series:
        return section("Learning rate", "", tag("p", "The folder holds no curves of it."))
    drawing = _drawing("Learning rate by step", series, across="step", sampled=True)
    return section("Learning rate", "", cards(drawing))


def _drawing(
    title: str,
    series: dict[str, Line],
    *,
    points: bool = False,
    across: str = "epoch",
    up: str = "",
    sampled: bool = False,
) -> Markup:
    """Curves by epoch or step, with their numbers: of long ones some."""
    places = sorted({x for line in series.values() for x in line[0]})
    stride = max(1, len(places) // 20) if sampled else 1
    shown = sorted({*places[::stride], *places[-1:]})
    values = {name: dict(zip(*line, strict=True)) for name, line in series.items()}
    rows = [[f"{x:g}", *(_short(own.get(x)) for own in values.values())] for x in shown]
    ends = [
        f"{name} from {_short(y[0])} to {_short(y[-1])}" for name, (_, y) in series.items() if y
    ]
    return lines(
        title,
        series,
        across=across,
        up=up,
        alt=f"{title}: {', '.join(ends)}; numbers below",
        numbers=table([across, *series], rows),
        points=points and len(places) <= 60,
    )


def _curve(points: list[tuple[int, Any]]) -> Line:
    """Those that are numbers."""
    kept = [
        (x, float(y)) for x, y in points if isinstance(y, (int, float)) and math.isfinite(float(y))
    ]
    return [x for x, _ in kept], [y for _, y in kept]


def _short(value: float | None) -> str:
    return "-" if value is None else f"{value:.4g}"


def _pictures(name: str, run: TrainingRun) -> Markup | None:
    """What the run drew at its last evaluation."""
    files = sorted((run.folder / "pictures").glob("epoch-*.jpg"))
    if not files:
        return None
    try:
        image = read_image(files[-1])
    except InputError:
        return None
    scale = min(1.0, _PICTURE_WIDTH / image.shape[1], _PICTURE_HEIGHT / image.shape[0])
    size = tuple(max(1, round(scale * side)) for side in image.shape[1::-1])
    image = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    title = f"Pictures of {name}" if name else "Pictures"
    note = f"Validation images, labels left and predictions right: {files[-1].name}."
    shown = picture(image, "Labels on the left, predictions on the right", class_="picture")
    return section(title, note, shown)
