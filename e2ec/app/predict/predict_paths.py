"""Image files to contours, one after the other: what every engine calls that predicts files."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from pathlib import Path

import numpy as np

from e2ec.results.contours import Contours
from lib.errors import InputError
from lib.images import read_image

Predict = Callable[[list[np.ndarray]], list[Contours]]
"""Several images (H, W, 3) uint8 RGB to the contours of each, as `Predictor.predict`."""
Read = Callable[[Path], np.ndarray]
_READERS = 2


def predict_paths(
    paths: Iterable[Path],
    predict: Predict,
    *,
    batch_size: int = 8,
    read: Read = read_image,
) -> Iterator[tuple[Path, Contours | InputError]]:
    """The contours of every image, or why there are none, in the order of the paths.

    The next batch is read while the network works on one; so many images are in memory as two
    batches have, and paths are asked for when they are needed. Nothing is written, and nothing is
    said.

    Args:
        paths: of image files.
        predict: the model, e.g. `functools.partial(model.predict, score_threshold=0.3)`.
        batch_size: so many images are given to it at a time.
        read: one file to what `predict` takes.

    Yields:
        The path, and its contours; or the InputError that reading or predicting it raised. An
        image of a batch that cannot be predicted takes no other one with it.

    Raises:
        ValueError: `batch_size` is below 1.
    """
    if batch_size < 1:
        raise ValueError(f"batch_size must be 1 or more, not {batch_size}")
    coming = iter(paths)
    ahead: deque[tuple[Path, Future[np.ndarray]]] = deque()
    with ThreadPoolExecutor(_READERS, thread_name_prefix="read") as readers:
        try:
            while True:
                for path in islice(coming, 2 * batch_size - len(ahead)):
                    ahead.append((path, readers.submit(read, path)))
                if not ahead:
                    return
                batch = [ahead.popleft() for _ in range(min(batch_size, len(ahead)))]
                yield from _predict_batch(batch, predict)
        finally:
            for _, image in ahead:  # the caller has had enough
                image.cancel()


def _predict_batch(
    batch: list[tuple[Path, Future[np.ndarray]]], predict: Predict
) -> Iterator[tuple[Path, Contours | InputError]]:
    images: list[np.ndarray | InputError] = []
    for _, reading in batch:
        try:
            images.append(reading.result())
        except InputError as error:
            images.append(error)
    found = iter(_contours([image for image in images if isinstance(image, np.ndarray)], predict))
    for (path, _), image in zip(batch, images, strict=True):
        yield path, image if isinstance(image, InputError) else next(found)


def _contours(images: list[np.ndarray], predict: Predict) -> list[Contours | InputError]:
    """Of several images; one by one where they cannot be predicted together."""
    if not images:
        return []
    try:
        return [*predict(images)]
    except InputError as error:
        if len(images) == 1:
            return [error]
    return [result for image in images for result in _contours([image], predict)]
