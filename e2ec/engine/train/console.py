"""What a run says while it trains: a line an evaluation, doubts, and a summary at its end."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tqdm import tqdm

from dataset.loading.sample import InstanceDataset
from e2ec.config import Config, TrainConfig
from e2ec.presets import load_preset, preset_names

STAGES = "stages/"
"""Metrics of single stages are called by this and the stage's name."""
_FALLEN = 0.97
"""A loss has fallen when it is below this share of what it was."""
_HARDLY_ANY = 5e-4
"""An average precision below this is printed as 0.0."""


def show_step(
    bar: tqdm[Any], losses: Mapping[str, float], *, rate: float, epoch: int, train: TrainConfig
) -> None:
    """Move the progress bar on by one step; `epoch` is counted from 0."""
    if bar.disable:
        return
    elapsed = bar.format_dict["elapsed"]
    images = (bar.n + 1 - bar.initial) * train.batch_size / max(elapsed, 1e-9)
    bar.set_description(f"epoch {epoch + 1}/{train.epochs}", refresh=False)
    text = " ".join(f"{name} {value:.3f}" for name, value in losses.items())
    bar.set_postfix_str(f"{text} lr {rate:.1e} {images:.1f} images/s", refresh=False)
    bar.update()


def evaluation_line(
    epoch: int,
    metrics: Mapping[str, Any],
    *,
    config: Config,
    metric: str,
    best: float,
    saved: Path | None,
) -> str:
    """One evaluation: epoch, the metric by stage, the best so far, and what was saved.

    Args:
        epoch: counted from 1.
        metric: name of the main metric; `best` is its highest value so far.
        saved: the weights file, where this evaluation was the best or the last are kept.
    """
    value = metrics.get(metric)
    stages = {k.removeprefix(STAGES): v for k, v in metrics.items() if k.startswith(STAGES)}
    parts = [f"epoch {epoch}/{config.train.epochs}: {metric} {_percent(value)}"]
    if stages:
        parts[0] += f" ({', '.join(f'{name} {_percent(v)}' for name, v in stages.items())})"
    parts.append(f"best so far {_percent(best)}")
    last = " (the last are kept)" if config.train.keep == "last" else ""
    parts.append(f"saved {saved}{last}" if saved is not None else "not saved")
    return "; ".join(parts)


def doubts(
    history: Sequence[Mapping[str, Any]], metric: str, epochs: int, falling: Mapping[str, str]
) -> list[str]:
    """What looks wrong with a run, and what to look at; nothing where all is well.

    Args:
        history: one entry an epoch: losses, and metrics where evaluated.
        metric: name of the main metric.
        epochs: of the whole run.
        falling: `Family.falling_losses`.
    """
    found = []
    values = [entry["metrics"].get(metric) for entry in history if "metrics" in entry]
    nothing = [value is None or not value > _HARDLY_ANY for value in values]
    if values and all(nothing) and len(history) >= epochs / 2:
        found.append(
            f"warning: {metric} is still 0 after {len(history)} of {epochs} epochs. Look at "
            "pictures/ in the run's folder (are labels where the objects are?) and at `python -m "
            "e2ec check` (sizes as the network sees them); then train longer (--train.epochs) or "
            "start from trained weights (--model.weights)"
        )
    losses = [entry["losses"] for entry in history if "losses" in entry]
    # Not every network has all of them.
    falling = {name: what for name, what in falling.items() if losses and name in losses[0]}
    enough = bool(falling) and len(losses) >= max(3, epochs / 4)
    if enough and all(
        losses[-1].get(name, 0) > _FALLEN * losses[0].get(name, 0) for name in falling
    ):
        was, now = (" and ".join(f"{e[n]:.3g}" for n in falling) for e in (losses[0], losses[-1]))
        found.append(
            f"warning: the losses of {' and '.join(falling.values())} do not fall ({was} in the "
            f"first epoch, {now} now). Lower --optim.lr, and look at the labels with `python -m "
            "e2ec check`"
        )
    return found


def summary(
    config: Config,
    history: Sequence[Mapping[str, Any]],
    kept: Mapping[str, Any] | None = None,
    *,
    metric: str,
    images: Path | None,
    detects: bool = True,
) -> str:
    """The end of a run: its best evaluation, and the commands for what comes next.

    Args:
        history: one entry an epoch.
        kept: what weights.safetensors is of (`kept.described`).
        metric: name of the main metric.
        images: folder of the validation images, if they lie in one.
        detects: whether the network finds anything by itself.
    """
    folder = config.out / config.name
    weights = folder / "weights.safetensors"
    evaluated = [entry for entry in history if (entry.get("metrics") or {}).get(metric) is not None]
    lines = [f"finished; weights, curves and metrics: {folder}"]
    if evaluated:
        best = max(evaluated, key=lambda entry: entry["metrics"][metric])
        pictures = f"pictures of validation images beside their labels: {folder / 'pictures'}"
        own = next((one for one in evaluated if kept and one["epoch"] == kept["epoch"]), best)
        if own is not best or (kept and kept["which"] == "last"):
            which = f" {kept['which']}" if kept else ""
            lines.append(
                f"kept the{which}: {_reached(own, metric, config.train.epochs)}; the best "
                f"was {_reached(best, metric, config.train.epochs)}; {pictures}"
            )
        else:
            lines.append(f"best: {_reached(best, metric, config.train.epochs)}; {pictures}")
    if config.preset is not None:
        lines.append(f"test it:    {_test_command(config, weights)}")
    source = f" --source {_quote(images)}" if images is not None else ""
    out = Path("out") / config.name
    if detects:
        line = f"look at it: python demo.py --weights {_quote(weights)}{source} --out {_quote(out)}"
    else:
        line = f"use it:     python -m e2ec refine --weights {_quote(weights)} --results FILE ..."
    return "\n".join([*lines, line])


def _reached(entry: Mapping[str, Any], metric: str, epochs: int) -> str:
    """An evaluation of a run of so many epochs in words."""
    metrics = entry["metrics"]
    stage = f" ({metrics['stage']})" if metrics.get("stage") else ""
    return f"{metric} {_percent(metrics[metric])}{stage} at epoch {entry['epoch']} of {epochs}"


def image_folder(data: InstanceDataset) -> Path | None:
    """The folder that the first image of a data set lies in; None for generated data."""
    folder: Path | None = getattr(data, "folder", None)
    return None if folder is None else (folder / data.image_names[0]).parent


def _test_command(config: Config, weights: Path) -> str:
    """`test.py` with the options that say where the data is, as far as the preset does not."""
    words = ["python test.py", str(config.preset), "--weights", _quote(weights)]
    preset = load_preset(config.preset) if config.preset in preset_names() else None
    for name in _WHERE:
        value = getattr(config.data, name)
        if value is not None and (preset is None or value != getattr(preset.data, name)):
            values = value if isinstance(value, tuple) else (value,)
            words += [f"--data.{name.replace('_', '-')}", *map(_quote, values)]
    if preset is None or config.train.seed != preset.train.seed:
        words += ["--train.seed", str(config.train.seed)]
    return " ".join(words)


_WHERE = (
    "format", "root", "train_images", "train_annotations", "val_images", "val_annotations",
    "val_fraction", "masks", "labels", "val_limit", "image_ids",
)  # fmt: skip
"""Settings that say which data is evaluated: a share of the training images may be."""


def _quote(value: object) -> str:
    return shlex.quote(str(value))


def _percent(value: object) -> str:
    return f"{100 * value:.1f}" if isinstance(value, float) and value == value else "-"
