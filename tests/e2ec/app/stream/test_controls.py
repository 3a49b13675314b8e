"""Settings that change while a stream runs."""

from __future__ import annotations

import threading

import pytest

from e2ec.app.stream.controls import Controls, Settings


def test_changes_are_seen_at_once_and_snapshots_stay() -> None:
    controls = Controls(Settings(score=0.5), stages=("init", "coarse"))
    before = controls.settings
    controls.change(stage="init", score=0.7, vertices=True)
    assert (before.stage, before.score, before.vertices) == (None, 0.5, False)
    after = controls.settings
    assert (after.stage, after.score, after.vertices) == ("init", 0.7, True)


@pytest.mark.parametrize(
    "change", [{"score": 1.5}, {"fill": -0.1}, {"score": float("nan")}, {"stage": "last"}], ids=str
)
def test_a_value_that_cannot_be_changes_nothing(change: dict[str, object]) -> None:
    controls = Controls(stages=("init",))
    with pytest.raises(ValueError):
        controls.change(**{"vertices": True, **change})
    assert controls.settings == Settings()
    with pytest.raises(TypeError):
        controls.change(colour="red")


def test_a_step_lets_one_frame_through() -> None:
    controls = Controls()
    assert controls.may_go_on()
    controls.change(paused=True)
    assert not controls.may_go_on(0)
    controls.step()
    assert controls.may_go_on(0)
    assert not controls.may_go_on(0)
    controls.change(paused=False)
    assert controls.may_go_on(0)


def test_whoever_waits_in_a_pause_is_woken() -> None:
    controls = Controls(Settings(paused=True))
    went: list[bool] = []
    waiter = threading.Thread(target=lambda: went.append(controls.may_go_on()))
    waiter.start()
    controls.change(paused=False)
    waiter.join(5)
    assert went == [True]


def test_changes_of_many_threads_are_all_kept() -> None:
    controls = Controls()
    fields = ["vertices", "paused"]

    def flip(name: str) -> None:
        for number in range(501):
            controls.change(**{name: number % 2 == 0})

    threads = [threading.Thread(target=flip, args=(name,)) for name in fields]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert controls.settings.vertices and controls.settings.paused
