"""Which labels a model loses, and why: in the measure of microscopists, with a picture.

    python -m e2ec.bench.studies.missed_objects nuclei --root /data/nuclei [--weights FILE]

prints, for all images of a split and for those of fluorescence alone, TP / (TP + FP + FN) averaged
over images at several IoUs; by cause the labels that are lost at one IoU, and what the average
would be if they were found; the same of false detections; the lost ones by size; the worst images.
The score threshold is chosen on training images, which the model has seen; `match_causes` says what
the causes mean. Writes DIR/missed.json with every image, and DIR/missed.png, windows of the worst
images with their lost labels in the colours of the causes.

The results go to DIR/results.json and DIR/choose-results.json. With --results and --choose-results
such files, of any model, take the place of the weights.

An image counts as fluorescence if it is grey and dark: the channels differ by less than 3 on
average, and the median of the brightest channel lies below 64 of 255.
"""

from __future__ import annotations

import sys
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from tyro.conf import Positional

from dataset.loading.sample import InstanceDataset
from e2ec.app.commands.command_line import run
from e2ec.app.commands.options import parse_options
from e2ec.bench.studies.match_causes import (
    Overlaps,
    best_threshold,
    false_detections,
    lost_labels,
    overlaps,
)
from e2ec.bench.studies.missed_picture import Windowed, draw_sheet
from e2ec.bench.studies.missed_tables import Judged, report
from e2ec.config import Split
from e2ec.engine.data.open_data import build_dataset
from e2ec.engine.evaluate.evaluator import Results, check_classes, predict_dataset
from e2ec.engine.predict.predictor import load_model
from e2ec.metrics.coco_inputs import prepare_inputs
from e2ec.metrics.results_file import read_results
from e2ec.named_settings import with_settings
from e2ec.presets import load_preset
from lib.errors import InputError
from lib.files import atomic_write_json
from lib.images import write_image

GREY, DARK = 3.0, 64.0
STEP = 0.02


@dataclass(frozen=True)
class MissedOptions:
    """Which labels a model loses at an IoU, and why."""

    preset: Positional[str]
    """Whose data it is."""
    root: Path
    """Folder of the data, as the preset expects it."""
    weights: Path | None = None
    """None takes the bundled model."""
    split: Split = "val"
    """Which images are reported."""
    stage: str | None = None
    """Which of the network's results; None as the weights say."""
    zoom: float | None = None
    """How much larger than they are images are shown; None as the weights say."""
    results: Path | None = None
    """COCO results of the split, of whatever model, in place of weights."""
    choose_results: Path | None = None
    """The same of the training images that the threshold is chosen on."""
    threshold: float | None = None
    """Score threshold; None chooses it on training images."""
    choose_on: int = 64
    """So many of them, spread evenly."""
    choose_for: Literal["all", "fluorescence"] = "all"
    """Which of them count in the choice."""
    iou: float = 0.5
    """The IoU at which labels are lost."""
    pictures: int = 9
    """Windows of the sheet."""
    pictures_of: Literal["all", "fluorescence"] = "all"
    """Which images they are of; of all where there are none of fluorescence."""
    threads: int = 1
    """Of the processor."""
    out: Path = Path("out/missed")
    """Folder to write."""

    def __post_init__(self) -> None:
        if self.threshold is not None and not 0 <= self.threshold <= 1:
            raise ValueError("--threshold must lie in [0, 1]")
        if self.zoom is not None and not self.zoom > 0:
            raise ValueError("--zoom must be positive")
        if not 0 < self.iou <= 1:
            raise ValueError("--iou must lie in (0, 1]")
        if self.results and not self.choose_results and self.threshold is None:
            raise ValueError("--results: give --choose-results as well, or --threshold")
        if min(self.choose_on, self.pictures, self.threads) < 1:
            raise ValueError("--choose-on, --pictures, --threads: at least 1")


@dataclass(frozen=True, eq=False)
class Looked:
    """What was found on one image.

    Attributes:
        index: of the sample.
        name: of its file.
        fluorescence: whether it is grey and dark.
        found, labels: entries whose `segmentation` is compressed run lengths.
        overlaps: theirs, in the same order.
    """

    index: int
    name: str
    fluorescence: bool
    found: list[dict[str, Any]]
    labels: list[dict[str, Any]]
    overlaps: Overlaps


def is_fluorescence(image: np.ndarray) -> bool:
    """Whether an image (H, W, 3) uint8 is grey and dark; see the module."""
    brightest = image.max(axis=2)
    colourful = float((brightest.astype(np.int16) - image.min(axis=2)).mean())
    return colourful < GREY and float(np.median(brightest)) < DARK


def look(results: Results, dataset: InstanceDataset, indices: Sequence[int]) -> list[Looked]:
    """COCO results of samples beside their labels; crowd regions are left out.

    Raises:
        InputError: a result or a label is unusable.
    """
    inputs = prepare_inputs(dataset.ground_truth(), results)
    found: defaultdict[int, list[dict[str, Any]]] = defaultdict(list)
    labels: defaultdict[int, list[dict[str, Any]]] = defaultdict(list)
    for one in inputs.detections:
        found[one["image_id"]].append(one)
    for one in inputs.annotations:
        if not one["iscrowd"]:
            labels[one["image_id"]].append(one)
    looked = []
    for index in indices:
        sample = dataset[index]
        here, there = found[sample.image_id], labels[sample.image_id]
        kind = is_fluorescence(sample.image)
        looked.append(Looked(index, sample.name, kind, here, there, overlaps(here, there)))
    return looked


def spread(dataset: InstanceDataset, number: int) -> list[int]:
    """Indices of so many samples, or of all, evenly from the first to the last."""
    chosen = np.linspace(0, len(dataset) - 1, min(number, len(dataset)))
    return chosen.round().astype(int).tolist()


def results_of(
    path: Path | None, dataset: InstanceDataset, indices: Sequence[int], options: MissedOptions
) -> Results:
    """COCO results of samples: of a file where there is one, or else of the model.

    Raises:
        InputError: the file, or weights or data are unusable.
    """
    if path is not None:
        return read_results(path)
    predictor = load_model(options.weights, device="cpu")
    check_classes(predictor, dataset, weights=str(options.weights or "the bundled model"))
    if options.zoom is not None:
        view = replace(predictor.card.view, zoom=options.zoom)
        predictor.card = replace(predictor.card, view=view)
    asked = options.stage or predictor.card.stage
    stage = predictor.family.resolve_stage(asked, predictor.stages)
    found = predict_dataset(predictor, dataset, stages=[stage], indices=indices, progress=True)
    return found[stage]


def choose_threshold(looked: Sequence[Looked], options: MissedOptions) -> tuple[float, float]:
    """The threshold that is best on these images, and the average that it reaches there.

    Raises:
        InputError: none of the images is of the kind that counts.
    """
    counting = [one.overlaps for one in looked if one.fluorescence or options.choose_for == "all"]
    if not counting:
        raise InputError("no training image is of fluorescence; give --choose-for all")
    thresholds = np.arange(STEP, 1, STEP).round(4).tolist()
    return best_threshold(counting, thresholds, options.iou)


def judge(looked: Looked, threshold: float, iou: float) -> Judged:
    """Every label and detection of an image with its cause or kind."""
    return Judged(
        name=looked.name,
        fluorescence=looked.fluorescence,
        overlaps=looked.overlaps,
        causes=lost_labels(looked.overlaps, threshold, iou),
        kinds=false_detections(looked.overlaps, threshold, iou),
        at_border=[touches_border(one) for one in looked.labels],
    )


def touches_border(label: dict[str, Any]) -> bool:
    """Whether a label reaches the outermost pixels of its image."""
    x, y, width, height = label["bbox"]
    rows, columns = label["segmentation"]["size"]
    return bool(x < 1 or y < 1 or x + width > columns - 1 or y + height > rows - 1)


def write_picture(
    looked: Sequence[Looked],
    judged: Sequence[Judged],
    dataset: InstanceDataset,
    threshold: float,
    options: MissedOptions,
) -> Path:
    """The sheet of the images with most errors, a window each."""
    shown = [i for i, one in enumerate(looked) if one.fluorescence or options.pictures_of == "all"]
    order = sorted(shown or range(len(looked)), key=lambda i: -judged[i].errors)[: options.pictures]
    windows = [
        Windowed(
            name=looked[i].name,
            image=dataset[looked[i].index].image,
            labels=[one["segmentation"] for one in looked[i].labels],
            causes=judged[i].causes,
            found=[one["segmentation"] for one in looked[i].found],
            kinds=judged[i].kinds,
            kept=(looked[i].overlaps.scores >= threshold).tolist(),
        )
        for i in order
    ]
    path = options.out / "missed.png"
    write_image(path, draw_sheet(windows))
    return path


def main() -> int:
    """Print the report and write the files."""
    options = parse_options(MissedOptions, sys.argv[1:], "e2ec.bench.studies.missed_objects")
    torch.set_num_threads(options.threads)
    config = with_settings(load_preset(options.preset), {"data.root": options.root})
    dataset = build_dataset(config, options.split)
    threshold, chosen = options.threshold, "as given"
    if threshold is None:
        train = build_dataset(config, "train")
        indices = spread(train, options.choose_on)
        results = results_of(options.choose_results, train, indices, options)
        atomic_write_json(options.out / "choose-results.json", results)
        threshold, reached = choose_threshold(look(results, train, indices), options)
        chosen = f"{reached:.3f} on {len(indices)} training images ({options.choose_for})"
    everything = range(len(dataset))
    results = results_of(options.results, dataset, everything, options)
    atomic_write_json(options.out / "results.json", results)
    looked = look(results, dataset, everything)
    judged = [judge(one, threshold, options.iou) for one in looked]
    text, numbers = report(judged, threshold, options.iou)
    facts = {key: str(value) for key, value in asdict(options).items()}
    document = {"options": facts, "threshold": threshold, **numbers}
    atomic_write_json(options.out / "missed.json", document, indent=1)
    picture = write_picture(looked, judged, dataset, threshold, options)
    print(f"score threshold {threshold:g}: {chosen}\n\n{text}\n\n{picture}")
    return 0


if __name__ == "__main__":
    sys.exit(run(main))
