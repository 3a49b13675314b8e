"""A real server on a free port: it starts, it ends, and nobody can occupy it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

pytest.importorskip("fastapi")
pytest.importorskip("uvicorn")
pytest.importorskip("websockets")
pytest.importorskip("av")

from web_client import answer, connect, head, post, send, status
from web_model import BrightModel, encoded, picture
from web_video import video
from websockets.sync.client import connect as connect_socket

from e2ec.app.web import extra
from e2ec.app.web.limits import Limits
from e2ec.app.web.live import LiveView
from e2ec.app.web.serve import web_server
from e2ec.app.web.server import WebServer
from lib.errors import InputError

ROOT = Path(__file__).parents[4]
PATIENCE_S = 60.0


@pytest.fixture(scope="module")
def patient() -> Iterator[WebServer]:
    with web_server(BrightModel(), port=0, live=LiveView()) as server:
        yield server


@pytest.fixture(scope="module")
def hasty() -> Iterator[WebServer]:
    """A server that waits for nobody, and for few at once."""
    limits = Limits(head_s=0.4, body_s=0.4, exchange_s=1.5, connections=8, burst=10**9)
    with web_server(BrightModel(), port=0, limits=limits) as server:
        yield server


def healthy(server: WebServer) -> bool:
    return status(send(server.address, head(server.address, "GET /health HTTP/1.0"))) == 200


def until(condition: Callable[[], bool]) -> None:
    """Wait for something that comes sooner or later. A busy machine may be too slow for the
    deadlines of these servers at one time, and not at another.
    """
    end = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


def test_it_answers_beside_a_running_program(patient: WebServer) -> None:
    assert patient.address.startswith("http://127.0.0.1:") and patient.token is None
    with urllib.request.urlopen(patient.address, timeout=PATIENCE_S) as page:
        assert b"<main>" in page.read()
        assert "server" not in {name.lower() for name in page.headers}


def test_many_requests_share_batches() -> None:
    model = BrightModel()
    data = encoded(picture())
    with web_server(model, port=0, limits=Limits(queue=64)) as server:
        model.gate.clear()
        request = post(server.address, "/predict", data)
        with ThreadPoolExecutor(40) as pool:
            answers = [pool.submit(send, server.address, request) for _ in range(40)]
            timings = head(server.address, "GET /timings HTTP/1.0")
            until(lambda: b'"decode":{"count":40' in send(server.address, timings))
            model.gate.set()
            assert [status(one.result()) for one in answers] == [200] * 40
    assert len(model.batches) <= 10 and sum(model.batches) == 40


def test_who_sends_no_head_is_cut_off(hasty: WebServer) -> None:
    for begun in (b"", b"GET / HT", b"GET / HTTP/1.1\r\nHost: x\r\nX: "):
        # The client waits much longer than the server.
        assert send(hasty.address, begun) == b""


def test_a_second_head_has_its_time_too(hasty: WebServer) -> None:
    until(lambda: status(send(hasty.address, head(hasty.address) + b"GET /he")) == 200)


def test_a_slow_body_is_told_so(hasty: WebServer) -> None:
    begun = post(hasty.address, "/predict", encoded(picture()))[:-20]
    until(lambda: status(send(hasty.address, begun)) == 408)


def test_a_body_in_drops_is_cut_off_too(hasty: WebServer) -> None:
    """Every drop comes in time, the whole does not."""

    def drops() -> Iterator[bytes]:
        yield head(hasty.address, "POST /predict HTTP/1.1", "Content-Length: 1000")
        for _ in range(30):
            time.sleep(0.05)
            yield b"x"

    assert status(send(hasty.address, drops())) in (0, 408)
    until(lambda: healthy(hasty))


def test_who_takes_no_answer_is_cut_off(hasty: WebServer) -> None:
    """Answers to pipelined requests fill the line; the connection ends at its deadline."""
    with connect(hasty.address, receive_bytes=4096) as connection:
        connection.settimeout(PATIENCE_S)
        with pytest.raises(ConnectionError):
            while True:  # waits where both lines are full
                connection.sendall(head(hasty.address, "GET /page/main.js HTTP/1.1") * 100)
    until(lambda: healthy(hasty))


def test_idle_connections_are_few_and_end(hasty: WebServer) -> None:
    idle = [connect(hasty.address) for _ in range(30)]
    until(lambda: healthy(hasty))  # their time is over soon
    for connection in idle:
        assert answer(connection) == b""
        connection.close()


def test_connections_above_the_limit_are_closed_at_once() -> None:
    with web_server(BrightModel(), port=0, limits=Limits(connections=3, head_s=60)) as server:
        idle = [connect(server.address) for _ in range(3)]
        assert send(server.address, head(server.address, "GET /health HTTP/1.0")) == b""
        idle.pop().close()
        until(lambda: healthy(server))
        for connection in idle:
            connection.close()


def test_a_body_that_grows_beyond_the_limit_is_refused_on_the_way() -> None:
    with web_server(BrightModel(), port=0, limits=Limits(picture_bytes=100_000)) as server:
        begun = head(server.address, "POST /predict HTTP/1.1", "Transfer-Encoding: chunked")
        chunk = b"8000\r\n" + bytes(0x8000) + b"\r\n"
        with connect(server.address) as connection:
            connection.sendall(begun + chunk * 4)  # and no end
            assert status(connection.recv(1 << 16)) == 413
        assert healthy(server)


def test_a_client_that_sends_all_before_it_listens_gets_the_refusal() -> None:
    with web_server(BrightModel(), port=0, limits=Limits(picture_bytes=1000)) as server:
        request = post(server.address, "/predict", bytes(20_000_000))
        for _ in range(3):
            with connect(server.address) as connection:
                connection.sendall(request)
                assert status(answer(connection)) == 413


def test_bodies_at_once_are_limited() -> None:
    limits = Limits(bytes_at_once=100_000, body_s=2 * PATIENCE_S, burst=10**9)
    with web_server(BrightModel(), port=0, limits=limits) as server:
        begun = head(server.address, "POST /predict HTTP/1.1", "Content-Length: 90000")
        with connect(server.address) as first:
            first.sendall(begun + bytes(80_000))
            second = post(server.address, "/predict", bytes(50_000))
            until(lambda: status(send(server.address, second)) == 429)
        until(lambda: status(send(server.address, second)) == 415)


def test_who_leaves_a_video_half_way_gives_its_place_back() -> None:
    model = BrightModel()
    with web_server(model, port=0) as server:
        request = post(server.address, "/predict/video", video(60))
        model.gate.clear()
        with connect(server.address) as connection:
            connection.sendall(request)
            health = head(server.address, "GET /health HTTP/1.0")
            until(lambda: b'"waiting":1' in send(server.address, health))
            assert status(send(server.address, request)) == 429
        model.gate.set()
        received: list[bytes] = []

        def again() -> bool:
            received.append(send(server.address, request))
            return status(received[-1]) != 429

        until(again)
        assert status(received[-1]) == 200 and received[-1].count(b'"frame"') == 60
    assert sum(model.batches) < 120  # nobody worked on what was left


def test_the_socket_of_a_real_server(patient: WebServer) -> None:
    address = patient.address.replace("http", "ws") + "live"
    with connect_socket(address, origin=patient.address.rstrip("/")) as socket:
        assert "state" in socket.recv(timeout=PATIENCE_S)
    with pytest.raises(Exception, match="403"):
        connect_socket(address, origin="http://evil.example")
    with pytest.raises(Exception, match="403"):
        connect_socket(address)


def test_a_long_message_ends_the_socket(patient: WebServer) -> None:
    address = patient.address.replace("http", "ws") + "live"
    with connect_socket(address, origin=patient.address.rstrip("/")) as socket:
        socket.send("x" * 100_000)
        with pytest.raises(Exception, match="1009"):
            for _ in range(100):
                socket.recv(timeout=PATIENCE_S)


def test_not_on_loopback_there_is_a_token() -> None:
    with web_server(BrightModel(), host="0.0.0.0", port=0) as server:
        assert server.token is not None and len(server.token) >= 40
        assert server.address.endswith(f"/?token={server.token}")
        port = server.address.split("/")[2].rpartition(":")[2]
        here = f"http://127.0.0.1:{port}/"
        assert status(send(here, head(here, "GET / HTTP/1.0"))) == 401
        assert status(send(here, head(here, f"GET /?token={server.token} HTTP/1.0"))) == 200


def test_a_taken_port_is_one_line(patient: WebServer) -> None:
    port = int(patient.address.rstrip("/").rpartition(":")[2])
    with pytest.raises(InputError, match="cannot listen there"):
        web_server(BrightModel(), port=port)


def test_missing_packages_are_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(extra, "_NEEDED", ("fastapi", "no_such_package"))
    with pytest.raises(InputError, match=r"needs no_such_package: .*\[web\]"):
        web_server(BrightModel())


SERVE = """
import signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)  # jobs in the background ignore it
sys.path.insert(0, "tests/helpers")
from web_model import BrightModel
from e2ec.app.web.serve import serve
serve(BrightModel(), port=0)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="signals of Unix")
def test_serving_ends_at_an_interrupt() -> None:
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(
        [sys.executable, "-c", SERVE],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as program:
        assert program.stdout is not None and program.stderr is not None
        address = program.stdout.readline().removeprefix("open ").strip()
        # It listens already; the answer comes when it serves.
        until(lambda: status(send(address, head(address, "GET /health HTTP/1.0"))) == 200)
        program.send_signal(signal.SIGINT)
        try:
            assert program.wait(PATIENCE_S) != 0
        finally:
            program.kill()
        assert program.stderr.read().rstrip().endswith("KeyboardInterrupt")


def test_the_way_in_loads_nothing_of_the_web() -> None:
    code = (
        "import sys, e2ec.app.web.serve, e2ec.app.web.address as a; a.parse_address('1');"
        "assert not {'fastapi', 'uvicorn', 'torch', 'av'} & set(sys.modules), 'loaded'"
    )
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True, timeout=2 * PATIENCE_S)
