"""Paths to contours: order, batches, errors, and how far it reads ahead."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
from stand_in_predict import Squares, squares, write_scene

from e2ec.app.predict.predict_paths import predict_paths
from e2ec.results.contours import Contours
from lib.errors import InputError


@pytest.mark.parametrize("batch_size", [1, 2, 3, 20])
def test_every_path_once_in_order_with_what_is_wrong_with_it(
    batch_size: int, tmp_path: Path
) -> None:
    """Of ten images the third is none, the fifth is missing, and the sixth cannot be predicted: the
    others of its batch have their contours."""
    counts = [3, 1, 0, 2, 1, 99, 4, 0, 2, 1]
    paths = [write_scene(tmp_path / f"{n}.png", count) for n, count in enumerate(counts)]
    paths[2].write_text("no image")
    paths[4].unlink()
    results = list(predict_paths(iter(paths), Squares().predict, batch_size=batch_size))
    assert [path for path, _ in results] == paths
    for n, (_, found) in enumerate(results):
        if n in (2, 4, 5):
            assert isinstance(found, InputError)
            assert str(found).startswith("image: its input" if n == 5 else str(paths[n]))
        else:
            assert isinstance(found, Contours) and len(found) == counts[n]
            assert found.to_json() == squares(48, 64, counts[n]).to_json()


def test_paths_are_asked_for_when_they_are_needed() -> None:
    """A list without end can be predicted: at most two batches are read ahead."""
    asked = 0

    def endless() -> Iterator[Path]:
        nonlocal asked
        while True:
            asked += 1
            yield Path(f"{asked}.png")

    def read(path: Path) -> np.ndarray:
        return np.full((20, 20, 3), 1, np.uint8)

    results = predict_paths(endless(), Squares().predict, batch_size=3, read=read)
    for done in range(1, 10):
        path, _ = next(results)
        assert path == Path(f"{done}.png")
        assert asked <= done + 6
    results.close()  # type: ignore[attr-defined]


def test_batches_have_the_size_that_was_asked_for() -> None:
    sizes: list[int] = []

    def predict(images: list[np.ndarray]) -> list[Contours]:
        sizes.append(len(images))
        return Squares().predict(images)

    paths = [Path(f"{n}.png") for n in range(8)]
    images = {path: np.full((20, 20, 3), 1, np.uint8) for path in paths}
    assert len(list(predict_paths(paths, predict, batch_size=3, read=images.__getitem__))) == 8
    assert sizes == [3, 3, 2]
    with pytest.raises(ValueError, match="batch_size"):
        list(islice(predict_paths(paths, predict, batch_size=0), 1))
