"""Masks or contours: networks of both families with the same small budget on the same images.

    python -m e2ec.bench.studies.mask_study --root /data/nuclei [--rows mask_rcnn e2ec] [--times]

First a Mask R-CNN and E2EC are trained from random weights. Every row continues from the one or the
other for the same number of images, once a seed; what Mask R-CNN's heads do not have, all of
SEANet's box head above all, starts anew. Then a stage sharp is trained on the row's weights, which
stay as they are, so that one evaluation says what the row finds without it and with it. The weights
of the last epoch are evaluated, and `train.py` looks at a few training images on its way: choosing
on the images that are reported would flatter. What has been trained or evaluated is not done again:
the command goes on where it was stopped. Detectors with masks need torchvision.
"""

from __future__ import annotations

import json
import shlex
import statistics
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from dataset.loading.sample import InstanceDataset
from e2ec.app.commands.command_line import run
from e2ec.app.commands.options import parse_options
from e2ec.bench.studies.boundary_study import METRICS, mean_and_spread, score, train
from e2ec.config import Config
from e2ec.engine.data.open_data import build_dataset
from e2ec.engine.evaluate.evaluator import predict_dataset
from e2ec.engine.predict.predictor import Predictor, load_model
from e2ec.named_settings import with_settings
from e2ec.presets import load_preset
from lib.errors import InputError
from lib.files import atomic_write_json

MODELS = ("e2ec", "mask_rcnn", "bmask_rcnn", "seanet")
CONTOUR = "+contour"
ROWS = (*MODELS, *(model + CONTOUR for model in MODELS))
WATCHED = 4
"""Training images that `train.py` looks at when it ends."""

DATA = shlex.split("""
    --data.workers 0 --data.augmentation.crop-size 128 128 --data.augmentation.scale-reference
    native --data.augmentation.scale-range 1.0 2.6 --data.augmentation.vertical-flip-probability 0.5
    --data.augmentation.rotate90 --data.augmentation.grayscale-probability 0.1
    --data.augmentation.invert-probability 0.15 --data.view.mode pad --data.view.zoom 2.0
    --data.view.size None --eval.max-detections 500 --eval.iou-types segm --train.batch-size 4
    --train.ema-decay 0.99 --optim.schedule cosine --optim.warmup-steps 50
""")
"""The nuclei preset's, with smaller crops and batches."""
MASKS = shlex.split("""
    --model.architecture resnet18 --model.normalization batch --model.trainable-layers 5
    --model.anchor-sizes 8 16 32 64 128 --model.proposals 300
    --optim.optimizer adam --optim.weight-decay 1e-5
""")
"""A small backbone that learns all of its weights, and anchors as small as nuclei."""
LR = {"e2ec": 1.5e-3, "mask_rcnn": 5e-4, "bmask_rcnn": 5e-4, "seanet": 5e-4}
"""Highest learning rates from random weights; rows continue with a part of them."""
SAMPLES = {"start": 64, "row": 16}
"""Proposals an image that heads learn from. SEANet's box head has 30 times the work of others."""
START_SEED = 7


@dataclass(frozen=True)
class StudyOptions:
    """AP, AP75, boundary AP and milliseconds of detectors with masks beside E2EC, on nuclei."""

    root: Path
    """Folder of the data, as the preset nuclei expects it."""
    rows: tuple[str, ...] = ROWS
    """Only these: e2ec, mask_rcnn, bmask_rcnn, seanet, each also with +contour, the contour
    loss."""
    seeds: int = 3
    """Trainings a row."""
    first_seed: int = 0
    """The first of them."""
    start_epochs: int = 8
    """Of the two trainings that rows continue from."""
    epochs: int = 2
    """Of every row."""
    sharp_epochs: int = 1
    """Of the stage sharp after it."""
    slower: float = 0.5
    """Rows learn at this part of the rate that the start had."""
    times: bool = False
    """Also measure milliseconds an image of what has been trained; leave the machine alone."""
    timed_images: int = 16
    """They are medians over so many images, spread evenly over all."""
    out: Path = Path("runs/mask_study")
    """Folder of all runs: of one budget, other ones want another folder."""

    def __post_init__(self) -> None:
        if self.seeds < 1 or self.first_seed < 0 or self.timed_images < 1:
            raise ValueError("--seeds, --timed-images: at least 1; --first-seed not negative")
        unknown = [row for row in self.rows if row not in ROWS]
        if unknown:
            raise ValueError(f"--rows {unknown[0]}: there are {', '.join(ROWS)}")


def train_options(model: str, epochs: int, options: StudyOptions) -> list[str]:
    """What `train.py` is told of every training of a model."""
    preset = "nuclei" if model == "e2ec" else model
    words = [preset, *DATA, *_data_files(options), *(MASKS if model != "e2ec" else ())]
    return [*words, "--train.epochs", str(epochs), "--train.eval-every", str(epochs)]


def start_options(model: str, options: StudyOptions) -> list[str]:
    """The same of the training that rows continue from."""
    words = train_options(model, options.start_epochs, options)
    words += ["--model.weights", "None", "--train.seed", str(START_SEED)]
    words += ["--optim.lr", str(LR[model])]
    return words if model == "e2ec" else [*words, "--model.samples", str(SAMPLES["start"])]


def row_options(
    row: str, seed: int, options: StudyOptions, start: Path, *, sharp: bool = False
) -> list[str]:
    """The same of a row, or of the stage sharp after it."""
    model = row.removesuffix(CONTOUR)
    words = train_options(model, options.sharp_epochs if sharp else options.epochs, options)
    words += ["--model.weights", str(start), "--train.seed", str(seed)]
    words += ["--optim.lr", str(LR[model] * options.slower)]
    if model != "e2ec":
        words += ["--model.samples", str(SAMPLES["row"])]
    if sharp:
        words += ["--model.sharp.training", "alone"]
    elif row.endswith(CONTOUR):
        words += ["--loss.contour-weight", "1", "--loss.contour.start", "0"]
    return words


def _data_files(options: StudyOptions) -> list[str]:
    root = options.root.resolve()
    words = ["--data.root", str(root), "--data.train-images", "images"]
    words += ["--data.train-annotations", "instances_train.json"]
    return [*words, "--data.val-images", "images", "--data.val-annotations", str(_watched(options))]


def _watched(options: StudyOptions) -> Path:
    """A label file of the first few training images; made where it is not."""
    path = options.out.resolve() / "watched.json"
    if not path.is_file():
        labels = options.root / "instances_train.json"
        if not labels.is_file():
            raise InputError(f"{labels}: no such file; name the folder of the nuclei by --root")
        document = json.loads(labels.read_text())
        document["images"] = document["images"][:WATCHED]
        seen = {image["id"] for image in document["images"]}
        document["annotations"] = [a for a in document["annotations"] if a["image_id"] in seen]
        atomic_write_json(path, document)
    return path


def run_row(row: str, seed: int, options: StudyOptions) -> dict[str, list[float]]:
    """`METRICS` by stage of one training: of its result, and of the stage sharp after it.

    Raises:
        InputError: what was done before had another budget; a training failed, or was stopped.
    """
    first = options.out / f"{row}-{seed}"
    after = options.out / f"{row}-{seed}-sharp"
    done = after / "comparison.json"
    model = row.removesuffix(CONTOUR)
    start = finish(
        options.out / ("start-e2ec" if model == "e2ec" else "start-mask_rcnn"),
        start_options("e2ec" if model == "e2ec" else "mask_rcnn", options),
    )
    start = finish(first, row_options(row, seed, options, start))
    weights = finish(after, row_options(row, seed, options, start, sharp=True))
    if not done.is_file():
        config, dataset = held_out(options)
        predictor = load_model(weights, device="cpu")
        found = predict_dataset(predictor, dataset, stages=predictor.stages[-2:])
        atomic_write_json(done, score(found, dataset, config.eval), indent=1)
    metrics: dict[str, list[float]] = json.loads(done.read_text())
    return metrics


def finish(folder: Path, words: Sequence[str]) -> Path:
    """The last weights of a training, which is run, or gone on with, unless it has ended.

    Raises:
        InputError: it had another budget; it failed, or was stopped.
    """
    check_budget(folder, words)
    if not (folder / "weights.safetensors").is_file():
        train(folder, words)
    # Only going on needs it, and it takes half a gigabyte a run.
    (folder / "last" / "state.pt").unlink(missing_ok=True)
    return folder.resolve() / "last" / "weights.safetensors"


def check_budget(folder: Path, words: Sequence[str]) -> None:
    """Raise InputError where a run has another budget than it is to have."""
    path = folder / "config.json"
    if not path.is_file():
        return
    said = json.loads(path.read_text())
    asked = {word: words[i + 1] for i, word in enumerate(words) if word.startswith("--")}
    epochs, lr = int(asked["--train.epochs"]), float(asked["--optim.lr"])
    if (said["train"]["epochs"], said["optim"]["lr"]) != (epochs, lr):
        raise InputError(f"{folder}: was trained for other epochs, or faster; choose another --out")


def held_out(options: StudyOptions) -> tuple[Config, InstanceDataset]:
    """The settings of the evaluation, and the images that are reported."""
    config = with_settings(load_preset("nuclei"), {"data.root": options.root})
    return config, build_dataset(config, "val")


def milliseconds(rows: Sequence[str], options: StudyOptions) -> dict[str, list[float]]:
    """Milliseconds an image, without the stage sharp and with it, of the rows' first trainings:
    medians over some images, which all networks see in turn, the first of them twice."""
    models: dict[str, list[Predictor]] = {}
    for row in rows:
        run = options.out / f"{row}-{options.first_seed}"
        runs = (run, run.with_name(f"{run.name}-sharp"))
        models[row] = [
            load_model(one / "last" / "weights.safetensors", device="cpu") for one in runs
        ]
    _, dataset = held_out(options)
    taken: dict[str, list[list[float]]] = {row: [[], []] for row in rows}
    step = max(1, len(dataset) // options.timed_images)
    for i in range(-1, min(len(dataset) // step, options.timed_images)):
        image = dataset[max(i, 0) * step].image
        for row, pair in models.items():
            for k, model in enumerate(pair):
                start = time.perf_counter()
                model.predict(image)
                if i >= 0:
                    taken[row][k].append(1000 * (time.perf_counter() - start))
    return {row: [statistics.median(one) for one in both] for row, both in taken.items()}


def table(found: dict[str, list[dict[str, list[float]]]], times: dict[str, list[float]]) -> str:
    """A table in Markdown: mean over the seeds, and how far they lie apart (largest - smallest)."""
    lines = [f"| row | stage | {' | '.join(METRICS)} | ms |", "|---|---|" + "---:|" * 4]
    for row, runs in found.items():
        for k, stage in enumerate(runs[0]):
            cells = [mean_and_spread(run[stage][i] for run in runs) for i in range(len(METRICS))]
            cells.append(f"{times[row][k]:.0f}" if row in times else "")
            lines.append(f"| {row} | {stage} | {' | '.join(cells)} |")
    return "\n".join(lines)


def main() -> int:
    """Run what is missing, and print the table."""
    options = parse_options(StudyOptions, sys.argv[1:], "e2ec.bench.studies.mask_study")
    torch.set_num_threads(1)
    found: dict[str, list[dict[str, list[float]]]] = {}
    for seed in range(options.first_seed, options.first_seed + options.seeds):
        for row in options.rows:
            found.setdefault(row, []).append(run_row(row, seed, options))
    print(table(found, milliseconds(options.rows, options) if options.times else {}))
    return 0


if __name__ == "__main__":
    sys.exit(run(main))
