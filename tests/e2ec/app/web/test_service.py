"""POST /predict and what belongs to it."""

from __future__ import annotations

import struct
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

pytest.importorskip("fastapi")

from starlette.testclient import TestClient
from web_model import BrightModel, bright, encoded, picture

from e2ec.app.web.app import create_app
from e2ec.app.web.formats import FORMATS
from e2ec.app.web.limits import Limits
from e2ec.results.contours import Contours

HERE = "http://127.0.0.1:8000"


def client_of(model: BrightModel, **limits: float) -> TestClient:
    return TestClient(create_app(model, limits=Limits(**limits)), base_url=HERE)  # type: ignore[arg-type]


@pytest.fixture
def model() -> BrightModel:
    return BrightModel()


@pytest.fixture
def client(model: BrightModel) -> Iterator[TestClient]:
    with client_of(model) as client:
        yield client


def until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)  # well below the limit of requests a second


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".webp", ".bmp", ".tiff"])
def test_bytes_give_what_the_model_says(client: TestClient, suffix: str) -> None:
    answer = client.post("/predict?name=a.png", content=encoded(picture(spots=2), suffix))
    assert answer.status_code == 200
    found = Contours.from_json(answer.text)
    expected = bright(picture(spots=2))
    assert np.abs(found.boxes() - expected.boxes()).max() < 1.5
    assert found.source == "a.png" and found.category_ids == (3, 7)


def test_a_form_gives_the_same(client: TestClient) -> None:
    data = encoded(picture())
    form = client.post("/predict", files={"file": ("x/../b.png", data, "image/png")})
    assert form.json() == client.post("/predict?name=b.png", content=data).json()


@pytest.mark.parametrize("kind", list(FORMATS))
def test_every_format_as_an_answer_and_from_edited_contours(client: TestClient, kind: str) -> None:
    data = encoded(picture())
    direct = client.post(f"/predict?format={kind}&name=a.png", content=data)
    native = client.post("/predict?name=a.png", content=data)
    converted = client.post(f"/convert?format={kind}", content=native.content)
    assert direct.status_code == converted.status_code == 200
    assert direct.content == converted.content
    assert direct.headers["content-type"] == FORMATS[kind].media_type
    name = f"a{FORMATS[kind].suffix}"
    assert direct.headers["content-disposition"] == f'attachment; filename="{name}"'


def test_score_and_stage_reach_the_model(client: TestClient) -> None:
    data = encoded(picture())
    assert len(Contours.from_json(client.post("/predict?score=0.7", content=data).text)) == 1
    assert len(Contours.from_json(client.post("/predict?score=0.8", content=data).text)) == 0
    assert client.post("/predict?stage=init", content=data).status_code == 200


@pytest.mark.parametrize(
    ("query", "content", "status"),
    [
        ("", b"", 415),
        ("", b"GIF89a", 415),
        ("", b"<svg onload=alert(1)>", 415),
        ("", encoded(picture(), ".jpg")[:-40], 422),
        ("", encoded(picture())[:60], 422),
        ("", b"\x89PNG\r\n\x1a\n", 422),
        ("?stage=none", encoded(picture()), 422),
        ("?score=2", encoded(picture()), 422),
        ("?score=nan", encoded(picture()), 422),
        ("?format=exe", encoded(picture()), 422),
    ],
)
def test_what_is_refused_is_one_line(
    client: TestClient, query: str, content: bytes, status: int
) -> None:
    answer = client.post(f"/predict{query}", content=content)
    assert answer.status_code == status
    (message,) = answer.json().values()
    assert "\n" not in message and "Traceback" not in message and "/" not in message


def test_forms_that_are_none(client: TestClient) -> None:
    kind = {"Content-Type": "multipart/form-data; boundary=x"}
    for body in (b"", b"--x", b"--x\r\n\r\n\r\n--x--", b"nonsense" * 100):
        assert client.post("/predict", content=body, headers=kind).status_code == 400
    no_boundary = {"Content-Type": "multipart/form-data"}
    assert client.post("/predict", content=b"x", headers=no_boundary).status_code == 400
    data = encoded(picture())
    two = [("file", ("a.png", data)), ("file", ("b.png", data))]
    assert client.post("/predict", files=two).status_code == 400


def test_sizes_are_known_before_anything_is_decoded(monkeypatch: pytest.MonkeyPatch) -> None:
    def decode(*_: object) -> None:
        raise AssertionError("was decoded")

    monkeypatch.setattr("e2ec.app.web.predictions.decode_picture", decode)
    with client_of(BrightModel(), pixels=1000) as client:
        for suffix in (".png", ".jpg", ".webp", ".bmp", ".tiff"):
            answer = client.post("/predict", content=encoded(picture(64, 48), suffix))
            assert answer.status_code == 413, suffix
            assert "64 x 48" in answer.json()["error"]


def test_a_jpeg_of_hundreds_of_scans_is_not_decoded(client: TestClient) -> None:
    """Each scan would go over all of its pixels."""
    data = encoded(picture(), ".jpg")
    start = data.index(b"\xff\xda")
    many = data[:start] + data[start:-2] * 100 + data[-2:]
    answer = client.post("/predict", content=many)
    assert answer.status_code == 422 and "scans" in answer.json()["error"]


def test_a_png_of_thousands_of_packed_texts_is_not_decoded(client: TestClient) -> None:
    """Each of them would be unpacked to megabytes."""
    data = encoded(picture())
    body = b"zTXt" + b"a\0\0" + zlib.compress(bytes(1000))
    text = struct.pack(">I", len(body) - 4) + body + struct.pack(">I", zlib.crc32(body))
    for count, status in ((5, 200), (1000, 422)):
        answer = client.post("/predict", content=data[:33] + text * count + data[33:])
        assert answer.status_code == status, answer.text


def test_what_the_network_would_see_is_limited() -> None:
    with client_of(BrightModel(), input_pixels=5000) as client:
        assert client.post("/predict", content=encoded(picture(64, 48))).status_code == 200
        assert client.post("/predict", content=encoded(picture(128, 96))).status_code == 413


def test_a_small_machine_takes_smaller_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    for memory, pixels in ((1 << 40, 18_000_000), (8_000_000_000, 10_000_000)):
        monkeypatch.setattr("os.sysconf", lambda name, m=memory: 1 if "SIZE" in name else m)
        assert Limits().input_pixels == pixels


def test_a_body_that_is_too_large_is_refused(client: TestClient) -> None:
    stated = {"Content-Length": str(10**12)}
    assert client.post("/predict", content=b"x", headers=stated).status_code == 413
    with client_of(BrightModel(), picture_bytes=1000) as small:
        assert small.post("/predict", content=encoded(picture(500, 500)) * 3).status_code == 413
        assert small.post("/predict", files={"file": bytes(2000)}).status_code == 413


def test_the_network_belongs_to_one_thread_and_requests_share_a_batch(model: BrightModel) -> None:
    """While the first picture is in the network the next ones gather; each gets its own answer."""
    with client_of(model) as client, ThreadPoolExecutor(9) as pool:
        model.gate.clear()
        first = pool.submit(client.post, "/predict", content=encoded(picture(200, 48)))
        until(lambda: client.get("/health").json()["waiting"] == 1)
        more = [
            pool.submit(client.post, "/predict", content=encoded(picture(200, 48, spots)))
            for spots in (1, 2, 3, 4, 5, 6)
        ]
        until(lambda: client.get("/health").json()["waiting"] == 7)
        model.gate.set()
        assert first.result(60).status_code == 200
        counts = [len(Contours.from_json(one.result(60).text)) for one in more]
    assert counts == [1, 2, 3, 4, 5, 6]
    assert sum(model.batches) == 7 and max(model.batches) >= 3
    assert model.threads == {"network"}


def test_a_full_queue_says_when_to_come_again(model: BrightModel) -> None:
    data = encoded(picture())
    with client_of(model, queue=2) as client, ThreadPoolExecutor(2) as pool:
        model.gate.clear()
        waiting = [pool.submit(client.post, "/predict", content=data) for _ in range(2)]
        until(lambda: client.get("/health").json()["waiting"] == 2)
        full = client.post("/predict", content=data)
        model.gate.set()
        assert full.status_code == 429 and int(full.headers["retry-after"]) >= 1
        assert [one.result(60).status_code for one in waiting] == [200, 200]
        assert client.post("/predict", content=data).status_code == 200


def test_pictures_that_wait_are_few_pixels(model: BrightModel) -> None:
    with client_of(model, pixels_at_once=5000) as client, ThreadPoolExecutor(1) as pool:
        model.gate.clear()
        first = pool.submit(client.post, "/predict", content=encoded(picture(64, 48)))
        until(lambda: client.get("/health").json()["waiting"] == 1)
        assert client.post("/predict", content=encoded(picture(64, 48))).status_code == 429
        model.gate.set()
        assert first.result(60).status_code == 200


def test_timings_of_every_step(client: TestClient) -> None:
    assert client.get("/timings").json()["network"] == {"count": 0}
    for _ in range(3):
        client.post("/predict", content=encoded(picture()))
    found = client.get("/timings").json()
    assert set(found) == {"queue", "decode", "network", "encode", "batch"}
    for step in ("queue", "decode", "network", "encode"):
        assert found[step]["count"] == 3
        assert 0 <= found[step]["median_ms"] <= found[step]["p95_ms"] + 0.01


def test_the_page_of_addresses_names_all_of_them(client: TestClient) -> None:
    schema = client.get("/openapi.json").json()
    assert set(schema["paths"]) == {
        "/predict",
        "/predict/video",
        "/convert",
        "/edit/merge",
        "/edit/split",
        "/health",
        "/timings",
        "/live/take",
    }
    text = client.get("/docs").text
    assert all(path in text for path in schema["paths"])
    assert "labelme" in text and "0 to 1" in text


def test_the_threads_end_with_the_server(model: BrightModel) -> None:
    with client_of(model) as client:
        client.get("/health")
        assert "network" in {thread.name for thread in threading.enumerate()}
    assert "network" not in {thread.name for thread in threading.enumerate()}
