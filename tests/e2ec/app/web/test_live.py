"""The live view: newest pictures to the page, changes back to the stream."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator

import cv2
import numpy as np
import pytest

pytest.importorskip("fastapi")

from starlette.testclient import TestClient, WebSocketTestSession
from starlette.websockets import WebSocketDisconnect
from web_model import BrightModel, bright, picture

from e2ec.app.stream.controls import Controls
from e2ec.app.stream.frame import Frame
from e2ec.app.stream.viewer import Shown
from e2ec.app.web.app import create_app
from e2ec.app.web.controls import obey
from e2ec.app.web.limits import Limits
from e2ec.app.web.live import LiveView
from e2ec.results.contours import Contours

ADDRESS = "ws://127.0.0.1:8000/live"
OURS = {"Origin": "http://127.0.0.1:8000"}


def shown(index: int) -> Shown:
    """Frame `index` is grey of that value."""
    image = np.full((48, 64, 3), index, np.uint8)
    frame = Frame("cam/../era", index, index / 10, image)
    return Shown(frame, bright(picture()), image, 10.0, 0.05)


class Beside:
    """A server with a live view, as a stream beside it sees it."""

    def __init__(self, **limits: float) -> None:
        self.live = LiveView()
        self.controls = Controls(stages=("init", "final"))
        app = create_app(
            BrightModel(),
            live=self.live,
            controls=self.controls,
            limits=Limits(**limits),  # type: ignore[arg-type]
        )
        self.client = TestClient(app, base_url="http://127.0.0.1:8000")

    def look(self) -> WebSocketTestSession:
        return self.client.websocket_connect(ADDRESS, headers=OURS)


@pytest.fixture
def beside() -> Iterator[Beside]:
    made = Beside()
    with made.client:
        yield made


def next_picture(socket: WebSocketTestSession) -> tuple[dict, int]:
    """Facts and grey value of the next picture."""
    while "picture" not in (message := socket.receive_json()):
        pass
    image = cv2.imdecode(np.frombuffer(socket.receive_bytes(), np.uint8), cv2.IMREAD_GRAYSCALE)
    return message["picture"], round(float(image.mean()))


def test_a_page_gets_the_newest_picture_when_it_has_drawn_the_last(beside: Beside) -> None:
    beside.live.show(shown(10))
    with beside.look() as socket:
        facts, grey = next_picture(socket)
        assert (facts["index"], grey, facts["name"], facts["instances"]) == (10, 10, "era", 1)
        for index in range(20, 60):  # nothing of this is sent: the page has not drawn yet
            beside.live.show(shown(index))
        end = time.monotonic() + 60
        while beside.live.picture.facts["index"] != 59 and time.monotonic() < end:
            time.sleep(0.005)
        socket.send_text('{"drawn":true}')
        facts, grey = next_picture(socket)
        assert (facts["index"], grey) == (59, 59)


def test_pictures_come_as_they_are_made(beside: Beside, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not only when the socket looks by itself."""
    monkeypatch.setattr("e2ec.app.web.routes_live._HEARTBEAT_S", 60.0)
    with beside.look() as socket:
        for index in (5, 6, 7):
            beside.live.show(shown(index))
            assert next_picture(socket)[1] == index
            socket.send_text('{"drawn":true}')


def test_showing_never_waits_even_if_nobody_looks_or_draws(beside: Beside) -> None:
    with beside.look():
        start = time.perf_counter()
        for index in range(200):
            beside.live.show(shown(index))
        assert time.perf_counter() - start < 30.0


def test_nothing_is_encoded_while_nobody_looks(beside: Beside) -> None:
    beside.live.show(shown(1))
    time.sleep(0.1)
    assert beside.live.picture is None


def test_the_page_changes_the_stream_and_is_told_of_changes(beside: Beside) -> None:
    with beside.look() as socket:
        assert socket.receive_json()["state"]["controls"]["score"] == 0.3
        socket.send_text('{"set": {"score": 0.5, "stage": "init", "vertices": true}}')
        state = socket.receive_json()["state"]["controls"]
        assert (state["score"], state["stage"], state["vertices"]) == (0.5, "init", True)
        assert beside.controls.settings.score == 0.5
        beside.controls.change(fill=0.9)  # by a key in a window, for one
        assert socket.receive_json()["state"]["controls"]["fill"] == 0.9
        socket.send_text('{"step": true}')
        assert socket.receive_json()["state"]["controls"]["paused"] is True
        assert beside.controls.may_go_on(0) and not beside.controls.may_go_on(0)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "nonsense",
        "[" * 100_000,
        "[]",
        "{}",
        '{"set": {}}',
        '{"set": {"score": 2}}',
        '{"set": {"score": NaN}}',
        '{"set": {"score": true}}',
        '{"set": {"stage": "none"}}',
        '{"set": {"paused": 1}}',
        '{"set": {"__class__": "x"}}',
        '{"set": {"score": 0.5, "other": 1}}',
        '{"step": 1, "set": {"score": 0.1}}',
    ],
)
def test_messages_that_are_refused_change_nothing(text: str) -> None:
    controls = Controls(stages=("init",))
    before = controls.settings
    with pytest.raises(ValueError):
        obey(text, controls)
    assert controls.settings == before


def test_a_refused_message_is_answered_and_the_view_goes_on(beside: Beside) -> None:
    with beside.look() as socket:
        socket.receive_json()
        socket.send_text('{"set": {"score": 7}}')
        assert "score" in socket.receive_json()["error"]
        beside.live.show(shown(3))
        assert next_picture(socket)[1] == 3


def test_bytes_end_the_socket(beside: Beside) -> None:
    with beside.look() as socket:
        socket.receive_json()
        socket.send_bytes(b"x")
        with pytest.raises(WebSocketDisconnect) as ended:
            socket.receive_json()
        assert ended.value.code == 1008


def test_too_many_messages_end_the_socket() -> None:
    made = Beside(messages_per_s=5)
    with made.client, made.look() as socket:
        for _ in range(20):
            socket.send_text('{"set": {"score": 0.3}}')
        with pytest.raises(WebSocketDisconnect) as ended:
            while True:
                socket.receive_json()
        assert ended.value.code == 1008


def test_viewers_are_few_and_places_come_back() -> None:
    made = Beside(viewers=2)
    with made.client:
        for _ in range(3):
            with made.look() as one, made.look() as two:
                one.receive_json(), two.receive_json()
                with pytest.raises(WebSocketDisconnect), made.look():
                    pass


def test_a_frame_can_be_taken(beside: Beside) -> None:
    assert beside.client.post("/live/take").status_code == 404
    beside.live.show(shown(77))
    taken = beside.client.post("/live/take").json()
    assert len(Contours.from_json(json.dumps(taken["document"]))) == 1
    assert taken["png"].startswith("iVBOR")


def test_the_stream_learns_that_the_server_has_ended() -> None:
    made = Beside()
    with made.client:
        assert made.live.open
    assert not made.live.open


def test_the_page_learns_that_the_stream_has_ended(beside: Beside) -> None:
    with beside.look() as socket:
        assert socket.receive_json()["state"]["ended"] is False
        beside.live.close()
        assert socket.receive_json()["state"]["ended"] is True
    assert beside.live.open


def test_without_a_stream_there_is_no_live_view() -> None:
    client = TestClient(create_app(BrightModel()), base_url="http://127.0.0.1:8000")
    with (
        client,
        pytest.raises(WebSocketDisconnect),
        client.websocket_connect(ADDRESS, headers=OURS),
    ):
        pass
