"""Boundaries refined, trained for the same time: AP, AP75 and boundary AP of every stage.

    python -m e2ec.bench.studies.boundary_study nuclei --root /data/nuclei
    python -m e2ec.bench.studies.boundary_study coco --root /data/coco --start weights.safetensors
    python -m e2ec.bench.studies.boundary_study nuclei --root /data/nuclei --table ablation

Every row continues from the same weights for the same number of epochs, once a seed. What has been
trained or evaluated is not done again: the command goes on where it was stopped. The weights of the
last epoch are evaluated: choosing on the images that are reported would flatter.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import torch
from tyro.conf import Positional

from dataset.loading.sample import InstanceDataset
from e2ec.app.commands.command_line import run
from e2ec.app.commands.options import parse_options
from e2ec.bench.studies.boundary_rows import TABLES, Row
from e2ec.config import Config, EvalConfig
from e2ec.engine.data.open_data import build_dataset
from e2ec.engine.evaluate.evaluator import evaluate, predict_dataset
from e2ec.engine.predict.predictor import load_model
from e2ec.named_settings import with_settings
from e2ec.presets import load_preset
from lib.errors import InputError
from lib.files import atomic_write_json

TRAIN = Path(__file__).resolve().parents[3] / "train.py"
METRICS = {"AP": "segm/AP", "AP75": "segm/AP75", "boundary AP": "boundary/AP"}
PRESETS = {"nuclei": "nuclei", "synthetic": "synthetic", "coco": "custom"}


@dataclass(frozen=True)
class StudyOptions:
    """AP, AP75 and boundary AP by stage of networks trained for the same time."""

    data: Positional[Literal["nuclei", "synthetic", "coco"]]
    """nuclei: as the preset expects it; synthetic: generated; coco: COCO's layout, all classes
    merged into one."""
    root: Path | None = None
    """Folder of the data."""
    start: Path = Path("bundled")
    """Weights that every row continues from."""
    table: Literal["comparison", "ablation"] = "comparison"
    """Which rows: `boundary_rows`."""
    rows: tuple[str, ...] = ()
    """Only these of them."""
    seeds: int = 3
    """Trainings a row."""
    epochs: int = 4
    """Of every training."""
    lr: float = 5e-4
    """Highest learning rate."""
    out: Path = Path("runs/boundary_study")
    """Folder of all runs: of one start and budget, other ones want another folder."""

    def __post_init__(self) -> None:
        if self.seeds < 1:
            raise ValueError("--seeds must be positive")
        unknown = [row for row in self.rows if row not in TABLES[self.table]]
        if unknown:
            there = ", ".join(TABLES[self.table])
            raise ValueError(f"--rows {unknown[0]}: the table {self.table} has {there}")


def train_options(options: StudyOptions) -> list[str]:
    """What `train.py` is told of the data and of the budget."""
    words = [PRESETS[options.data], "--model.weights", str(options.start)]
    words += ["--train.epochs", str(options.epochs)]
    words += ["--train.eval-every", str(options.epochs), "--train.eval-iou-types", "segm"]
    words += ["--optim.lr", str(options.lr), "--data.workers", "0", "--train.ema-decay", "0.99"]
    if options.data == "coco":
        words += ["--data.format", "coco", "--data.root", str(merged_classes(options))]
        for split in ("train", "val"):
            words += [f"--data.{split}-images", str(_root(options) / f"{split}2017")]
            words += [f"--data.{split}-annotations", f"instances_{split}2017.json"]
    elif options.root is not None:
        words += ["--data.root", str(options.root)]
    return words


def merged_classes(options: StudyOptions) -> Path:
    """The folder of COCO's annotations with all classes merged into one; made where it is not."""
    folder = options.out.resolve() / "coco_one_class"
    for split in ("train", "val"):
        name = f"instances_{split}2017.json"
        if (folder / name).is_file():
            continue
        document = json.loads((_root(options) / "annotations" / name).read_text())
        for annotation in document["annotations"]:
            annotation["category_id"] = 1
        document["categories"] = [{"id": 1, "name": "object"}]
        atomic_write_json(folder / name, document)
    return folder


def _root(options: StudyOptions) -> Path:
    if options.root is None:
        raise InputError("--root: name the folder of the data")
    return options.root.resolve()


def run_row(name: str, row: Row, seed: int, options: StudyOptions) -> dict[str, list[float]]:
    """The metrics of one training by stage; trained and evaluated unless that was done before.

    Raises:
        InputError: what was done before had another start or budget; the training failed, or was
            stopped.
    """
    folder = options.out / options.data
    done = folder / f"{name}-{seed}" / f"{options.table}.json"
    if done.is_file():
        check_budget(done.parent, options)
        found: dict[str, list[float]] = json.loads(done.read_text())
        return found
    train(done.parent, [*train_options(options), "--train.seed", str(seed), *row.options])
    metrics = stage_metrics(done.parent, row)
    atomic_write_json(done, metrics, indent=1)
    return metrics


def train(run: Path, words: Sequence[str]) -> None:
    """Run `train.py` with these words to its end, or go on with it; `run` is the folder it fills.

    Raises:
        InputError: the training failed, or was stopped.
    """
    where = ["--out", str(run.parent), "--name", run.name, "--resume", "auto"]
    status = subprocess.run([sys.executable, str(TRAIN), *words, *where], check=False).returncode
    if status:
        raise InputError(f"{run}: the training ended with status {status}; see above")
    if not (run / "weights.safetensors").is_file():
        raise InputError(f"{run}: the training was stopped; the same command goes on")


def check_budget(folder: Path, options: StudyOptions) -> None:
    """Raise InputError where a finished run has another start or budget than is asked for."""
    said = json.loads((folder / "config.json").read_text())
    asked = {
        "--start": (said["model"]["weights"], str(options.start)),
        "--epochs": (said["train"]["epochs"], options.epochs),
        "--lr": (said["optim"]["lr"], options.lr),
    }
    for option, (was, wanted) in asked.items():
        if was != wanted:
            raise InputError(f"{folder}: was trained with {option} {was}; choose another --out")


def stage_metrics(run: Path, row: Row) -> dict[str, list[float]]:
    """AP, AP75 and boundary AP, %, of every stage of a run's last weights, the stage sharp once an
    evolution."""
    config, dataset = run_data(run)
    predictor = load_model(run / "last" / "weights.safetensors", device="cpu")
    stages = [stage for stage in predictor.stages if stage != "sharp"]
    metrics = score(predict_dataset(predictor, dataset, stages=stages), dataset, config.eval)
    for label, evolution in row.evolutions.items():
        predictor.card = replace(predictor.card, evolution=evolution)  # type: ignore[call-arg]
        found = predict_dataset(predictor, dataset, stages=["sharp"])
        metrics[f"sharp {label}".strip()] = score(found, dataset, config.eval)["sharp"]
    return metrics


def run_data(run: Path) -> tuple[Config, InstanceDataset]:
    """The settings of a finished run, and the images it validates on."""
    said = json.loads((run / "config.json").read_text())
    config = load_preset(said["preset"])
    paths = {
        f"data.{name}": Path(said["data"][name])
        for name in ("root", "val_images", "val_annotations")
        if said["data"][name] is not None
    }
    config = with_settings(config, {"data.format": said["data"]["format"], **paths})
    return config, build_dataset(config, "val")


def score(
    results: dict[str, Any], dataset: InstanceDataset, settings: EvalConfig
) -> dict[str, list[float]]:
    """`METRICS` by stage, %, of results by stage."""
    scored = replace(settings, iou_types=("segm", "boundary"))
    found = {}
    for stage, of_stage in results.items():
        metrics = evaluate(of_stage, dataset.ground_truth(), scored)
        found[stage] = [100 * float(metrics[name] or 0) for name in METRICS.values()]
    return found


def table(rows: dict[str, list[dict[str, list[float]]]]) -> str:
    """A table in Markdown: mean over the seeds, and how far they lie apart (largest - smallest)."""
    lines = [f"| row | stage | {' | '.join(METRICS)} |", "|---|---|" + "---:|" * len(METRICS)]
    for name, runs in rows.items():
        for stage in runs[0]:
            cells = [mean_and_spread(run[stage][i] for run in runs) for i in range(len(METRICS))]
            lines.append(f"| {name} | {stage} | {' | '.join(cells)} |")
    return "\n".join(lines)


def mean_and_spread(values: Iterable[float]) -> str:
    """The mean, and in parentheses largest - smallest."""
    numbers = list(values)
    text = f"{statistics.mean(numbers):.2f}"
    return f"{text} ({max(numbers) - min(numbers):.2f})" if len(numbers) > 1 else text


def main() -> int:
    """Run what is missing, and print the table."""
    options = parse_options(StudyOptions, sys.argv[1:], "e2ec.bench.studies.boundary_study")
    torch.set_num_threads(1)
    rows = TABLES[options.table]
    chosen = {name: rows[name] for name in options.rows or rows}
    found: dict[str, list[dict[str, list[float]]]] = {}
    for seed in range(options.seeds):
        for name, row in chosen.items():
            found.setdefault(name, []).append(run_row(name, row, seed, options))
    print(table(found))
    return 0


if __name__ == "__main__":
    sys.exit(run(main))
