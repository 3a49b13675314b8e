"""The thread that owns the network outlives pictures and models that fail, and shows when it is
stuck."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

pytest.importorskip("fastapi")

from starlette.testclient import TestClient
from web_model import BrightModel, encoded, picture

from e2ec.app.web.app import create_app
from e2ec.app.web.batches import Batches
from e2ec.app.web.limits import Limits
from e2ec.app.web.timings import Timings
from e2ec.results.contours import Contours
from lib.errors import InputError

HERE = "http://127.0.0.1:8000"


def until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)  # well below the limit of requests a second


class _Fragile(BrightModel):
    """Fails at pictures of 48 x 48."""

    def predict(self, images: list[np.ndarray], **options: object) -> list[Contours]:  # type: ignore[override]
        self.gate.wait(60)  # a picture that fails at once would not wait with the others
        if any(image.shape[:2] == (48, 48) for image in images):
            raise self.error
        return super().predict(images, **options)  # type: ignore[arg-type, no-any-return]

    error: Exception = InputError("too odd")


@pytest.mark.parametrize(
    ("error", "status"), [(InputError("too odd"), 422), (MemoryError(), 507), (KeyError("x"), 500)]
)
def test_a_picture_that_fails_costs_no_other_its_answer(error: Exception, status: int) -> None:
    model = _Fragile()
    model.error = error
    app = create_app(model, limits=Limits())
    with (
        TestClient(app, base_url=HERE, raise_server_exceptions=False) as client,
        ThreadPoolExecutor(3) as pool,
    ):
        model.gate.clear()
        pictures = [picture(64, 48), picture(48, 48), picture(65, 48)]
        answers = [pool.submit(client.post, "/predict", content=encoded(one)) for one in pictures]
        until(lambda: client.get("/health").json()["waiting"] == 3)
        model.gate.set()
        assert [one.result(60).status_code for one in answers] == [200, status, 200]
        failed = answers[1].result()
        assert set(failed.json()) == {"error"}
        assert failed.headers["x-content-type-options"] == "nosniff"
        assert client.get("/health").json()["ok"]


class _Short(BrightModel):
    """Has no answer for the last picture."""

    def predict(self, images: list[np.ndarray], **options: object) -> list[Contours]:  # type: ignore[override]
        return super().predict(images, **options)[:-1]  # type: ignore[arg-type, no-any-return]


def test_a_model_that_answers_too_little_does_not_end_the_thread() -> None:
    app = create_app(_Short())
    with TestClient(app, base_url=HERE, raise_server_exceptions=False) as client:
        for _ in range(2):
            assert client.post("/predict", content=encoded(picture())).status_code == 500
        assert client.get("/health").json() == {"ok": True, "waiting": 0, "queue": 32}


def test_a_stuck_network_is_seen_and_does_not_stop_the_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    model = BrightModel()
    monkeypatch.setattr("e2ec.app.web.batches._STOP_S", 0.01)
    batches = Batches(model, Limits(exchange_s=0.01), Timings())
    batches.start()
    assert batches.alive
    model.gate.clear()
    with batches.place(1):
        future = batches.submit(picture(), score=0.1, stage=None, source=None)
        until(lambda: not batches.alive)
        batches.close()
        assert not future.done()
    model.gate.set()
    assert len(future.result(60)) == 1
