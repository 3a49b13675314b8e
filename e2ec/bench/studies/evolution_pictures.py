"""Pictures of contours on their way: SharpContour frame by frame.

    python -m e2ec.bench.studies.evolution_pictures IMAGE ... --out evolution.jpg [--weights FILE]
        [--refiner FILE]

Of each image one instance, a row an image: its contour at an early stage of the network, and what
each iteration of the evolution makes of it. Vertices that move on are orange, the others green.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from tyro.conf import Positional

from e2ec.app.commands.command_line import run
from e2ec.app.commands.options import parse_options
from e2ec.config import EvolutionSettings
from e2ec.engine.predict.predictor import Predictor, load_model
from e2ec.results.contours import Contours
from lib.errors import InputError
from lib.files import atomic_write_bytes
from lib.images import read_image

ORANGE, GREEN, WHITE = (255, 140, 0), (60, 220, 60), (255, 255, 255)


@dataclass(frozen=True)
class PictureOptions:
    """SharpContour frame by frame."""

    images: Positional[tuple[Path, ...]]
    """Image files, a row each."""
    out: Path
    """The picture to write, .jpg or .png."""
    weights: Path | None = None
    """The model that finds the instances; without, the bundled one."""
    refiner: Path | None = None
    """The model that moves their contours, if another one: with the stage sharp, or a refiner."""
    stage: str = "init"
    """Where the evolution starts: an early stage leaves it more to do than the last refinement."""
    instances: tuple[int, ...] = ()
    """Which instance of each image, by falling score from 0 on; without, the largest that does not
    touch the border."""
    frame: int = 320
    """Height and width of a frame, pixels."""
    iterations: int = 3
    """Frames after the first."""
    min_score: float = 0.4
    """Of the instances."""

    def __post_init__(self) -> None:
        if not self.images:
            raise ValueError("name an image")
        if self.out.suffix.lower() not in (".jpg", ".jpeg", ".png"):
            raise ValueError(f"--out must end in .jpg or .png, not {self.out.name}")
        if self.instances and len(self.instances) != len(self.images):
            raise ValueError("--instances: give one number for each image")
        if self.iterations < 1:
            raise ValueError("--iterations must be 1 or more")


def contours_on_their_way(
    predictor: Predictor,
    refiner: Predictor,
    image: np.ndarray,
    instance: int | None,
    options: PictureOptions,
) -> list[np.ndarray]:
    """The instance's contours (N, 2) before the first and after every iteration."""
    found = predictor.predict(image, stage=options.stage, score_threshold=options.min_score)
    chosen = _largest(found) if instance is None else instance
    if not 0 <= chosen < len(found):
        raise InputError(f"no instance {chosen}: {len(found)} are found; lower --min-score")
    given = found[chosen : chosen + 1]
    # Before: steps too short to be seen, so that all frames have the same vertices.
    evolutions = [EvolutionSettings(step=1e-6, iterations=1)]
    evolutions += [EvolutionSettings(iterations=n + 1) for n in range(options.iterations)]
    contours = [refiner.refine(image, given, evolution=one).parts[0][0] for one in evolutions]
    if len({len(contour) for contour in contours}) > 1:
        raise InputError(
            f"instance {chosen} would cross itself on the way, and stays as it is; name another by "
            "--instances"
        )
    return contours


def _largest(found: Contours) -> int:
    """The largest instance that does not touch the border of the image."""
    points = [np.asarray(parts[0]) for parts in found.parts]
    limit = np.array([found.width, found.height]) - 2
    inside = [bool((p > 2).all() and (p < limit).all()) for p in points]
    sizes = [float(np.ptp(p, axis=0).prod()) * free for p, free in zip(points, inside, strict=True)]
    if not any(sizes):
        raise InputError("no instance is found away from the border; lower --min-score")
    return int(np.argmax(sizes))


def row(image: np.ndarray, contours: list[np.ndarray], side: int) -> np.ndarray:
    """Frames of one size beside each other, (side, side * frames, 3) uint8 RGB."""
    everything = np.concatenate(contours)
    low, high = everything.min(axis=0), everything.max(axis=0)
    margin = 0.12 * (high - low).max()
    scale = side / ((high - low).max() + 2 * margin)
    shift = side / 2 - scale * (low + high) / 2
    # Coordinates are those of OpenCV's pixels plus a half, before and after.
    matrix = np.column_stack([scale * np.eye(2), shift + 0.5 * scale - 0.5])
    crop = cv2.warpAffine(image, matrix, (side, side), flags=cv2.INTER_CUBIC)
    frames = []
    for number, contour in enumerate(contours):
        frame = crop.copy()
        points = scale * contour + shift
        rounded = np.rint(points * 16).astype(np.int32)
        cv2.polylines(frame, [rounded], True, WHITE, 1, cv2.LINE_AA, shift=4)
        following = contours[min(number + 1, len(contours) - 1)]
        moves = np.linalg.norm(following - contour, axis=1) > 1e-3
        for (x, y), move in zip(rounded.tolist(), moves.tolist(), strict=True):
            colour = ORANGE if move else GREEN
            cv2.circle(frame, (x, y), 2 * 16, colour, cv2.FILLED, cv2.LINE_AA, shift=4)
        label = "before" if number == 0 else f"after {number}"
        cv2.putText(frame, label, (8, 20), cv2.FONT_HERSHEY_SIMPLEX, 0.5, WHITE, 1, cv2.LINE_AA)
        frames.append(frame)
    return np.hstack(frames)


def main() -> int:
    """Write the picture."""
    options = parse_options(PictureOptions, sys.argv[1:], "e2ec.bench.studies.evolution_pictures")
    predictor = load_model(options.weights, device="cpu")
    refiner = predictor if options.refiner is None else load_model(options.refiner, device="cpu")
    rows = []
    chosen = options.instances or (None,) * len(options.images)
    for path, instance in zip(options.images, chosen, strict=True):
        image = read_image(path)
        contours = contours_on_their_way(predictor, refiner, image, instance, options)
        rows.append(row(image, contours, options.frame))
    picture = cv2.cvtColor(np.vstack(rows), cv2.COLOR_RGB2BGR)
    done, data = cv2.imencode(options.out.suffix, picture)
    assert done
    atomic_write_bytes(options.out, data.tobytes())
    return 0


if __name__ == "__main__":
    sys.exit(run(main))
