"""Pictures of contours on their way: SharpContour frame by frame.

    python -m e2ec.bench.studies.evolution_pictures IMAGE ... --out evolution.jpg [--weights FILE]

Of each image the instance whose vertices move farthest for its size: the last refinement's contour
and what each iteration makes of it, a row an image. Vertices that still move are orange, those at
rest green.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
from tyro.conf import Positional

from e2ec.app.commands.command_line import run
from e2ec.app.commands.options import parse_options
from e2ec.config import EvolutionSettings
from e2ec.engine.predict.predictor import Predictor, load_model
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
    """A model with the stage sharp; without, the bundled one."""
    frame: int = 320
    """Height and width of a frame, pixels."""
    iterations: int = 3
    """Frames after the first."""
    min_score: float = 0.4
    """Of the instance that is shown."""
    min_size: float = 24.0
    """Of the longer side of its box, pixels of the image."""

    def __post_init__(self) -> None:
        if not self.images:
            raise ValueError("name an image at least")
        if self.out.suffix not in (".jpg", ".png"):
            raise ValueError(f"--out must end in .jpg or .png: {self.out}")
        if self.frame < 16 or self.iterations < 1:
            raise ValueError("--frame must be 16 or more, and --iterations positive")


def contours_on_their_way(
    predictor: Predictor, path: Path, image: np.ndarray, options: PictureOptions
) -> list[np.ndarray]:
    """The instance's contours (N, 2) before the first and after every iteration.

    Every frame has as many vertices as the stage has: the first is the stage with steps too short
    to be seen.

    Raises:
        InputError: nothing of that size and score is found.
    """
    card = predictor.card
    frames = []
    for times in range(options.iterations + 1):
        evolution = EvolutionSettings(iterations=times) if times else EvolutionSettings(step=1e-9)
        # What is suppressed or grouped depends on the contours: every frame has all objects.
        predictor.card = replace(  # type: ignore[call-arg]
            card, evolution=evolution, nms_iou=1.0, group_parts=False
        )
        found = predictor.predict(image, stage="sharp", score_threshold=options.min_score)
        frames.append([parts[0] for parts in found.parts])
    predictor.card = card
    start, end = frames[0], frames[-1]
    sizes = [float(np.ptp(points, axis=0).max()) for points in start]
    moved = [
        float(np.linalg.norm(b - a, axis=1).mean()) / size if size >= options.min_size else -1.0
        for a, b, size in zip(start, end, sizes, strict=True)
    ]
    if max(moved, default=-1.0) < 0:
        raise InputError(
            f"{path}: nothing is found of that score and size; lower --min-score or --min-size"
        )
    chosen = int(np.argmax(moved))
    return [frame[chosen] for frame in frames]


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
    rows = []
    for path in options.images:
        image = read_image(path)
        rows.append(
            row(image, contours_on_their_way(predictor, path, image, options), options.frame)
        )
    picture = cv2.cvtColor(np.vstack(rows), cv2.COLOR_RGB2BGR)
    done, data = cv2.imencode(options.out.suffix, picture)
    assert done
    atomic_write_bytes(options.out, data.tobytes())
    return 0


if __name__ == "__main__":
    sys.exit(run(main))
