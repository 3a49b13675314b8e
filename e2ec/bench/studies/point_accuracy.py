"""Why the stage sharp gains what it gains: how well its classifier knows points beside boundaries,
how wrong the contours are that it starts from, and what an exact classifier would make of them.

    python -m e2ec.bench.studies.point_accuracy runs/boundary_study/nuclei/joint-0 [--images 66]

prints, on validation images of a run of the boundary study, the share of right answers at points
beside the labels' boundaries, by their distance; of found objects (IoU above 0.5) how far the
vertices lie from the label's boundary, before the stage, after it, and after the same evolution
with the labels themselves for a classifier; and AP and boundary AP of all three. Distances are in
pixels of the network's input. Duplicates stay and parts are not grouped, so that all three have the
same objects.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import shapely
import torch
from torch import Tensor
from tyro.conf import Positional

from dataset.loading.sample import Sample
from e2ec.app.commands.command_line import run
from e2ec.app.commands.options import parse_options
from e2ec.bench.studies.boundary_study import METRICS, run_data
from e2ec.engine.evaluate.evaluator import Results, evaluate
from e2ec.engine.predict.predictor import Predictor, load_model
from e2ec.families.preprocess import normalize
from e2ec.results.contours import Contours
from lib.errors import InputError
from lib.polygons.geometry import transform_points
from lib.polygons.points import contains, nearest_points
from network.sharp.evolution import evolve, subdivide
from network.sharp.settings import EvolutionSettings

DISTANCES = (0.5, 1.0, 2.0, 4.0, 8.0)
POINTS = 32
_MATCH = 0.5


@dataclass(frozen=True)
class AccuracyOptions:
    """How well SharpContour's classifier knows points, and what an exact one would gain."""

    run: Positional[Path]
    """Folder of a finished run whose network has the stage sharp."""
    images: int | None = None
    """Only so many of the validation images."""

    def __post_init__(self) -> None:
        if self.images is not None and self.images < 1:
            raise ValueError("--images must be positive")


@dataclass
class Findings:
    """What is gathered image by image."""

    right: dict[float, list[bool]] = field(default_factory=lambda: {d: [] for d in DISTANCES})
    errors: dict[str, list[float]] = field(default_factory=dict)
    results: dict[str, Results] = field(default_factory=dict)


@torch.inference_mode()
def ask_classifier(
    predictor: Predictor, sample: Sample, rng: np.random.Generator, found: Findings
) -> None:
    """Points at known distances from the boundary of every part, on both sides."""
    pixels, matrix = predictor.card.view.apply(sample.image)
    parts = [transform_points(p, matrix) for one in sample.instances for p in one.parts]
    if not parts:
        return
    network = predictor.network.network
    images = normalize(torch.from_numpy(pixels)[None].permute(0, 3, 1, 2))
    boxes = np.array([[*part.min(axis=0), *part.max(axis=0)] for part in parts], np.float32)
    index = torch.zeros(len(parts), dtype=torch.int64)
    features = network.shared_map(images)
    for distance in DISTANCES:
        points = np.stack([_beside(part, distance, rng) for part in parts])
        answers = network.sharp.at_points(
            features, torch.from_numpy(boxes), torch.from_numpy(points.astype(np.float32)), index
        )
        says_outside = (answers[..., 0] > 0).numpy()
        is_outside = [~contains(part, near) for part, near in zip(parts, points, strict=True)]
        found.right[distance] += (says_outside == np.stack(is_outside)).ravel().tolist()


def _beside(part: np.ndarray, distance: float, rng: np.random.Generator) -> np.ndarray:
    """Points beside the edges of a polygon, half of them on each side."""
    edge = np.roll(part, -1, axis=0) - part
    lengths = np.hypot(*edge.T)
    ends = np.cumsum(lengths)
    chosen = np.searchsorted(ends, rng.uniform(0, ends[-1], POINTS)).clip(max=len(part) - 1)
    normal = np.stack([edge[:, 1], -edge[:, 0]], axis=1) / np.maximum(lengths, 1e-9)[:, None]
    side = rng.choice([-1.0, 1.0], (POINTS, 1))
    return (
        part[chosen]
        + rng.uniform(0, 1, (POINTS, 1)) * edge[chosen]
        + (distance * side * normal[chosen])
    )


def move_exactly(
    contour: np.ndarray, rings: list[np.ndarray], settings: EvolutionSettings
) -> np.ndarray:
    """A contour (N, 2) after the evolution with the label's rings for a classifier."""

    def state(points: Tensor) -> Tensor:
        inside = np.zeros(points.shape[1], bool)
        for ring in rings:
            inside |= contains(ring, points[0].numpy())
        return torch.from_numpy(~inside)[None].to(points.dtype)

    start = torch.from_numpy(np.asarray(contour, np.float64))[None]
    size = torch.from_numpy(np.sqrt(np.prod(np.ptp(contour, axis=0))).reshape(1))
    moved = evolve(subdivide(start, settings.vertices), state, size, settings)
    result: np.ndarray = moved[-1][0].numpy()
    return result


def measure(predictor: Predictor, sample: Sample, found: Findings) -> None:
    """Results before, after and with an exact classifier, and how far their vertices are off."""
    before_name = predictor.stages[-2]
    (by_stage,) = predictor.predict_stages([sample.image], stages=[before_name, "sharp"])
    before, after = by_stage[before_name], by_stage["sharp"]
    _, matrix = predictor.card.view.apply(sample.image)
    zoom = float(np.sqrt(abs(np.linalg.det(matrix[:, :2]))))
    settings = predictor.card.evolution  # type: ignore[attr-defined]
    labels = [shapely.union_all([_area(p) for p in one.parts]) for one in sample.instances]
    exact_parts = []
    for number, shape in enumerate(before.to_shapely()):
        contour = before.parts[number][0]
        shares = [_iou(shape, label) for label in labels]
        if not shares or max(shares) < _MATCH:
            exact_parts.append([contour])
            continue
        rings = sample.instances[int(np.argmax(shares))].parts
        exact = move_exactly(contour, rings, settings)
        exact_parts.append([exact])
        paths = {"before": contour, "after": after.parts[number][0], "exact": exact}
        for name, points in paths.items():
            away = np.hypot(*(nearest_points(rings, points) - points).T) * zoom
            found.errors.setdefault(name, []).extend(away.tolist())
    exact_contours = Contours(
        height=before.height,
        width=before.width,
        class_names=before.class_names,
        category_ids=before.category_ids,
        labels=before.labels,
        scores=before.scores,
        parts=exact_parts,
    )
    for name, result in {"before": before, "after": after, "exact": exact_contours}.items():
        entries = result.to_coco(sample.image_id, segmentation="rle")
        found.results.setdefault(name, []).extend(entries)


def _area(polygon: np.ndarray) -> shapely.Geometry:
    return shapely.make_valid(shapely.Polygon(polygon))


def _iou(one: shapely.Geometry, other: shapely.Geometry) -> float:
    common = float(one.intersection(other).area)
    return common / max(float(one.area + other.area) - common, 1e-9)


def open_run(folder: Path) -> Predictor:
    """The last weights of a run, every detection of them an object of its own.

    Raises:
        InputError: the network has no point classifier.
    """
    predictor = load_model(folder / "last" / "weights.safetensors", device="cpu")
    sharp = getattr(predictor.network, "sharpening", None)
    if sharp is None or sharp.movement != "classify":
        raise InputError(f"{folder}: its network has no stage sharp that classifies points")
    # What is suppressed or grouped depends on the contours, which differ from stage to stage.
    card = replace(predictor.card, nms_iou=1.0, group_parts=False)  # type: ignore[call-arg]
    predictor.card = card
    return predictor


def main() -> int:
    """Print what was found."""
    options = parse_options(AccuracyOptions, sys.argv[1:], "e2ec.bench.studies.point_accuracy")
    torch.set_num_threads(1)
    config, dataset = run_data(options.run)
    predictor = open_run(options.run)
    rng, found = np.random.default_rng(0), Findings()
    count = len(dataset) if options.images is None else min(options.images, len(dataset))
    for number in range(count):
        sample = dataset[number]
        ask_classifier(predictor, sample, rng, found)
        measure(predictor, sample, found)
    for distance, right in found.right.items():
        print(f"at {distance:g} pixels from the boundary: {100 * np.mean(right):.1f} % right")
    for name, errors in found.errors.items():
        beyond = ", ".join(
            f"{100 * np.mean(np.array(errors) > d):.0f} % > {d:g}" for d in DISTANCES
        )
        print(f"vertices {name}: median {np.median(errors):.2f} pixels off; {beyond}")
    truth = dataset.ground_truth()
    ids = set(dataset.image_ids[:count])
    truth["images"] = [image for image in truth["images"] if image["id"] in ids]
    truth["annotations"] = [one for one in truth["annotations"] if one["image_id"] in ids]
    scored = replace(config.eval, iou_types=("segm", "boundary"))
    for name, results in found.results.items():
        metrics = evaluate(results, truth, scored)
        values = (f"{what} {100 * (metrics[key] or 0):.2f}" for what, key in METRICS.items())
        print(f"{name}: {', '.join(values)}")
    return 0


if __name__ == "__main__":
    sys.exit(run(main))
