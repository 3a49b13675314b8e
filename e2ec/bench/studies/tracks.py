"""Identities that hold, and vertices that do: tracks measured.

    python -m e2ec.bench.studies.tracks
    python -m e2ec.bench.studies.tracks --image FILE

Without an image it counts changes of identity: in each of 200 scenes two generated shapes move
towards each other and pass behind a bar at the same time. A perfect detector with noise gives what
can be seen of them. Counted are objects that carry the other one's number afterwards, and objects
that carry a new one.

With an image it measures jitter: the network sees this photograph again and again with fresh noise
of a sensor, at rest, and gliding at a known speed. Jitter is the second difference over time of the
vertices of tracked instances, root mean square, in pixels; lag is how far the contour stays behind.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, get_args

import cv2
import numpy as np
import shapely
from shapely import affinity
from tyro.conf import arg

from dataset.synthetic.shapes import FAMILIES, SMALLEST_PART
from e2ec.app.commands.options import parse_options
from e2ec.app.tracks.settings import Matching, Method, TrackSettings
from e2ec.app.tracks.tracker import make_tracker
from e2ec.engine.predict.predictor import load_model
from e2ec.results.contours import Contours
from lib.errors import InputError
from lib.images import read_image

WIDTH, HEIGHT, RATE = 320, 160, 25.0


@dataclass(frozen=True)
class StudyOptions:
    """Changes of identity at crossings; with an image the jitter of contours."""

    image: Annotated[Path | None, arg(metavar="FILE")] = None
    """A photograph that the bundled model understands: measure jitter."""
    scenes: Annotated[int, arg(metavar="N")] = 200
    """Crossings, each with a seed of its own."""
    frames: Annotated[int, arg(metavar="N")] = 50
    """Frames of each film made of the photograph."""
    noise: Annotated[float, arg(metavar="LEVELS")] = 4.0
    """Standard deviation of the noise, in grey levels of 255."""


def crossing(seed: int) -> Iterator[list[tuple[int, list[np.ndarray]]]]:
    """The frames of a scene: which object, and the parts (N, 2) of what is seen of it.

    Objects are 0, in front, and 1. One that the bar cuts in two has two parts. Vertices have noise
    of half a pixel; an object of which less than 15 % is seen is not found.
    """
    rng = np.random.default_rng(seed)
    kinds = rng.choice(list(FAMILIES), 2, replace=False)
    shapes = [
        shapely.Polygon(FAMILIES[kind](rng) * rng.uniform(16, 26)).buffer(0) for kind in kinds
    ]
    speed = rng.uniform(1.5, 3.5, 2) * (1, -1)
    rows = HEIGHT / 2 + rng.uniform(-12, 12, 2)
    half = rng.uniform(6, 20)
    bar = shapely.box(WIDTH / 2 - half, 0, WIDTH / 2 + half, HEIGHT)
    # Both are at the bar's middle at time 0.
    for step in range(-36, 37):
        seen = []
        hidden = bar
        for number, shape in enumerate(shapes):
            x = WIDTH / 2 + step * speed[number]
            whole = affinity.translate(shape, x, rows[number])
            visible = whole - hidden
            hidden = hidden | whole
            if visible.area >= 0.15 * shape.area:
                seen.append((number, [_noisy(ring, rng) for ring in _rings(visible)]))
        order = rng.permutation(len(seen))
        yield [seen[i] for i in order]


def _rings(region: shapely.Geometry) -> list[shapely.LinearRing]:
    """The outlines of the pieces of a region that are worth a detector's while."""
    return [
        piece.exterior
        for piece in shapely.get_parts(region)
        if piece.geom_type == "Polygon" and piece.area >= SMALLEST_PART
    ]


def _noisy(ring: shapely.LinearRing, rng: np.random.Generator) -> np.ndarray:
    points = shapely.get_coordinates(ring.segmentize(2.0))[:-1]
    return points + rng.normal(0, 0.5, points.shape)


def as_contours(parts: list[list[np.ndarray]]) -> Contours:
    """Objects of one class found in a frame of a scene."""
    count = len(parts)
    return Contours(
        height=HEIGHT,
        width=WIDTH,
        class_names=("shape",),
        labels=np.zeros(count, np.int64),
        scores=np.full(count, 0.9),
        parts=parts,
    )


def identity_changes(seed: int, settings: TrackSettings) -> tuple[int, int]:
    """Of the two objects of a scene: how many got the other's number, how many a new one."""
    track = make_tracker(settings, frame_rate=RATE)
    owner: dict[int, int] = {}
    latest: dict[int, int] = {}
    taken, renewed = set(), set()
    for step, seen in enumerate(crossing(seed)):
        ids = track(step / RATE, as_contours([parts for _, parts in seen])).track_ids
        assert ids is not None
        for (number, _), identity in zip(seen, ids.tolist(), strict=True):
            if identity < 0:
                continue
            if owner.setdefault(identity, number) != number:
                taken.add(number)
            elif latest.get(number, identity) != identity:
                renewed.add(number)
            latest[number] = identity
    return len(taken), len(renewed - taken)


def count_crossings(scenes: int) -> None:
    """Print a table of changes of identity."""
    print(f"| tracker | matched by | of {2 * scenes} objects: swapped | new number |")
    print("|---|---|---|---|")
    for method in get_args(Method):
        for matching in get_args(Matching):
            settings = TrackSettings(method=method, matching=matching)
            found = [identity_changes(seed, settings) for seed in range(scenes)]
            swapped, renewed = np.sum(found, axis=0)
            print(f"| {method} | {matching} | {swapped} | {renewed} |")


def film(
    image: np.ndarray, speed: float, options: StudyOptions
) -> Iterator[tuple[np.ndarray, float]]:
    """Frames of a photograph that glides to the right, and by how many pixels it has moved."""
    rng = np.random.default_rng(0)
    height, width = image.shape[:2]
    for number in range(options.frames):
        moved = speed * number
        shift = np.array([[1.0, 0.0, moved], [0.0, 1.0, 0.0]])
        shown = cv2.warpAffine(image, shift, (width, height), borderMode=cv2.BORDER_REFLECT)
        noisy = shown + rng.normal(0, options.noise, shown.shape)
        yield np.clip(np.rint(noisy), 0, 255).astype(np.uint8), moved


def measure_film(frames: list[tuple[Contours, float]], smooth: float) -> tuple[float, float]:
    """Root mean square of the second difference of vertices, and mean lag in pixels.

    Only tracks seen in every frame from the second on count.
    """
    track = make_tracker(TrackSettings(smooth=smooth, score=0.3), frame_rate=RATE)
    plain = make_tracker(TrackSettings(score=0.3), frame_rate=RATE)
    paths: dict[int, list[np.ndarray]] = {}
    truths: dict[int, list[np.ndarray]] = {}
    for number, (contours, moved) in enumerate(frames):
        smoothed, raw = (follow(number / RATE, contours) for follow in (track, plain))
        assert smoothed.track_ids is not None
        for i, identity in enumerate(smoothed.track_ids.tolist()):
            if identity > 0 and len(smoothed.parts[i]) == 1:
                paths.setdefault(identity, []).append(smoothed.parts[i][0] - (moved, 0.0))
                truths.setdefault(identity, []).append(raw.parts[i][0] - (moved, 0.0))
    whole = [key for key, path in paths.items() if len(path) == len(frames) - 1]
    if not whole:
        raise InputError("no object was seen in every frame; choose another image")
    # The first frames, before a filter has settled, are left out.
    settled = [np.stack(paths[key])[10:] for key in whole]
    second = np.concatenate([np.diff(path, n=2, axis=0).ravel() for path in settled])
    lag = [
        np.mean(np.stack(truths[key])[10:] - np.stack(paths[key])[10:], axis=(0, 1))
        for key in whole
    ]
    return float(np.sqrt(np.mean(second**2))), float(np.mean(lag, axis=0)[0])


def measure_jitter(path: Path, options: StudyOptions) -> None:
    """Print a table of jitter and lag."""
    model = load_model(device="cpu")
    image = read_image(path)
    print("| pixels a frame | smoothing, s | jitter, px | lag, px |")
    print("|---|---|---|---|")
    for speed in (0.0, 0.5, 2.0):
        frames = [(model.predict(shown), moved) for shown, moved in film(image, speed, options)]
        for smooth in (0.0, 0.1, 0.2, 0.4, 0.8):
            jitter, lag = measure_film(frames, smooth)
            print(f"| {speed} | {smooth} | {jitter:.3f} | {lag:.2f} |")


def main(arguments: Sequence[str] | None = None) -> int:
    """Print one table; returns the exit status."""
    options = parse_options(StudyOptions, arguments)
    try:
        if options.image is None:
            count_crossings(options.scenes)
        else:
            measure_jitter(options.image, options)
    except InputError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
