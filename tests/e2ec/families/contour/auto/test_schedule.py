"""A schedule that fits the number of images."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from e2ec.families.contour.auto.schedule import (
    choose_epochs,
    choose_schedule,
    fitting_batch,
    steps_per_epoch,
)


@pytest.mark.parametrize(
    ("images", "batch"),
    # 14 images: two steps of 7, not one of 8 that leaves six unused.
    [(1, 1), (5, 5), (8, 8), (9, 5), (14, 7), (17, 6), (200, 8), (100_000, 8)],
)
def test_batches_share_an_epoch_evenly(images: int, batch: int) -> None:
    assert fitting_batch(images) == batch


@given(st.integers(1, 5000), st.integers(1, 8))
@example(3, 2)
def test_no_image_is_left_out_and_few_are_shown_twice(images: int, processes: int) -> None:
    batch = fitting_batch(images, processes)
    steps = steps_per_epoch(images, batch)
    assert batch % processes == 0
    assert images <= steps * batch
    assert batch <= max(images, processes), "a batch that the images cannot fill is refused"
    if processes == 1:
        assert batch <= 8 and steps * batch - images < steps


@given(st.integers(1, 200_000), st.sampled_from(["nano", "dla34"]), st.booleans())
def test_everything_fits_into_the_run(images: int, architecture: str, fresh: bool) -> None:
    """Warm-up and averaging are short parts of it, and it is evaluated several times."""
    batch = fitting_batch(images)
    epochs = choose_epochs(images, architecture)  # type: ignore[arg-type]
    chosen = choose_schedule(
        images,
        architecture,  # type: ignore[arg-type]
        batch_size=batch,
        epochs=epochs,
        fresh=fresh,
    )
    steps = epochs * steps_per_epoch(images, batch)
    assert chosen["optim.warmup_steps"] <= steps / 10
    assert 0 <= chosen["train.ema_decay"] < 1 and 1 / (1 - chosen["train.ema_decay"]) <= max(
        1, steps / 5
    )
    assert epochs / chosen["train.eval_every"] >= 4
    assert chosen["train.save_every"] == 1 or 30 <= epochs / chosen["train.save_every"] <= 100
    assert 0 < chosen["loss.matching_start_epoch"] < epochs
    assert steps * batch >= 6000


def test_a_run_that_is_given_short_stays_sound() -> None:
    chosen = choose_schedule(3, "nano", batch_size=3, epochs=1, fresh=True)
    assert (
        chosen["optim.warmup_steps"],
        chosen["train.ema_decay"],
        chosen["train.eval_every"],
    ) == (0, 0.0, 1)
    assert chosen["train.save_every"] == 1


def test_small_sets_are_seen_often_and_large_ones_seldom() -> None:
    assert choose_epochs(14, "nano") == 429  # 6,000 / 14
    assert choose_epochs(100_000, "nano") == 10
    assert choose_epochs(100, "dla34") == 240 and choose_epochs(10_000, "dla34") == 60


def test_trained_weights_of_the_large_network_want_a_lower_rate() -> None:
    rates = [
        choose_schedule(100, "dla34", batch_size=8, epochs=10, fresh=fresh)["optim.lr"]
        for fresh in (True, False)
    ]
    assert rates == [5e-4, 1e-4]
