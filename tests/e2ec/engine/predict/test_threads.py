"""The promise of `Predictor` about threads: results as if each were alone."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest
import torch

import e2ec
from e2ec.results.contours import Contours

THREADS = 4


def images() -> list[np.ndarray]:
    """Noise in sizes of their own, so that a mixed-up result cannot pass."""
    rng = np.random.default_rng(0)
    sizes = [(40, 64), (64, 40), (48, 80), (72, 56)]
    return [rng.integers(0, 256, (*size, 3), dtype=np.uint8) for size in sizes]


def same(one: Contours, other: Contours) -> bool:
    return (
        (one.height, one.width, one.source) == (other.height, other.width, other.source)
        and np.array_equal(one.scores, other.scores)
        and np.array_equal(one.labels, other.labels)
        and all(
            np.array_equal(a, b)
            for parts, others in zip(one.parts, other.parts, strict=True)
            for a, b in zip(parts, others, strict=True)
        )
    )


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_threads_get_what_each_would_get_alone(precision: str) -> None:
    model = e2ec.load_model(device="cpu", precision=precision)  # type: ignore[arg-type]
    jobs = [
        (image, {"stage": stage, "score_threshold": score, "source": f"{number} {stage}"})
        for number, image in enumerate(images())
        for stage, score in (("init", 0.0), ("refine1", 0.02), ("coarse", 0.01))
    ]
    alone = [model.predict(image, **asked) for image, asked in jobs]  # type: ignore[arg-type]
    assert all(len(found) for found in alone)
    start = threading.Barrier(THREADS)

    def work(thread: int) -> bool:
        start.wait()
        order = np.random.default_rng(thread).permutation(len(jobs))
        return all(
            same(model.predict(jobs[i][0], **jobs[i][1]), alone[i])  # type: ignore[arg-type]
            for i in order
        )

    with ThreadPoolExecutor(THREADS) as pool:
        assert all(pool.map(work, range(THREADS)))
    assert not torch.is_autocast_enabled("cpu") and not torch.is_inference_mode_enabled()


def test_a_card_exchanged_on_the_way_never_mixes_with_the_one_before() -> None:
    """Each result is one of the two views' own."""
    model = e2ec.load_model(device="cpu")
    image = images()[3]
    cards = [replace(model.card, view=e2ec.TestView("pad", zoom=zoom)) for zoom in (1.0, 2.0)]
    expected = []
    for card in cards:
        model.card = card
        expected.append(model.predict(image, score_threshold=0.0))
    assert not same(*expected)
    stop = threading.Event()

    def exchange() -> None:
        turn = 0
        while not stop.is_set():
            model.card = cards[turn % 2]
            turn += 1
            stop.wait(0.001)

    thread = threading.Thread(target=exchange)
    thread.start()
    try:
        for _ in range(20):
            found = model.predict(image, score_threshold=0.0)
            assert any(same(found, one) for one in expected)
    finally:
        stop.set()
        thread.join()
