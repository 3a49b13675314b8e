"""Short videos: contours a frame; what is hostile in a video does no harm."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from fractions import Fraction
from typing import Any

import cv2
import pytest

pytest.importorskip("fastapi")
pytest.importorskip("av")

import av
from starlette.testclient import TestClient
from web_model import BrightModel, picture
from web_video import video

from e2ec.app.web.app import create_app
from e2ec.app.web.limits import Limits
from e2ec.results.contours import Contours

HERE = "http://127.0.0.1:8000"


@pytest.fixture
def client() -> Iterator[TestClient]:
    with TestClient(create_app(BrightModel()), base_url=HERE) as client:
        yield client


@pytest.mark.parametrize("kind", ["mp4", "matroska", "webm", "avi"])
def test_a_line_a_frame(client: TestClient, kind: str) -> None:
    answer = client.post("/predict/video?name=../a.mp4", content=video(kind=kind))
    lines = [json.loads(line) for line in answer.text.splitlines()]
    assert [line["frame"] for line in lines] == list(range(6))
    assert [line["time_s"] for line in lines] == pytest.approx([i / 10 for i in range(6)], abs=2e-3)
    found = [Contours.from_dict(line) for line in lines]
    assert [one.boxes()[0, 0] for one in found] == pytest.approx(
        [10.5 + 4 * i for i in range(6)], abs=2
    )
    assert found[0].source == "a.mp4"


def test_a_damaged_video_ends_with_a_line_that_says_so(client: TestClient) -> None:
    data = video(frames=60, kind="matroska")
    middle = len(data) // 2
    torn = data[:middle] + bytes(b ^ 0xA5 for b in data[middle : middle + 400]) + data[middle:]
    for broken in (torn, data[:middle]):
        answer = client.post("/predict/video", content=broken)
        assert answer.status_code in (200, 422)
        lines = answer.text.splitlines()
        assert all(set(json.loads(line)) >= {"frame"} for line in lines[:-1])
    assert client.post("/predict/video", content=video()).status_code == 200


def test_a_long_video_stops_at_the_limit() -> None:
    limits = Limits(video_frames=4)
    with TestClient(create_app(BrightModel(), limits=limits), base_url=HERE) as client:
        lines = client.post("/predict/video", content=video()).text.splitlines()
    assert len(lines) == 5 and json.loads(lines[-1]) == {
        "error": "stopped after 4 frames, the limit"
    }


def test_frames_that_are_too_large_are_not_decoded() -> None:
    limits = Limits(video_pixels=1000)
    with TestClient(create_app(BrightModel(), limits=limits), base_url=HERE) as client:
        answer = client.post("/predict/video", content=video())
        assert answer.status_code == 413 and "1,000" in answer.json()["error"]


def test_frames_that_grow_on_the_way_are_refused_by_the_decoder() -> None:
    """An MJPEG stream whose second frame is larger than the file says."""
    small, large = (_jpeg_frame(*size) for size in ((64, 48), (512, 512)))
    data = _avi_with(small, large)
    limits = Limits(video_pixels=10_000)
    with TestClient(create_app(BrightModel(), limits=limits), base_url=HERE) as client:
        lines = [
            json.loads(line)
            for line in client.post("/predict/video", content=data).text.splitlines()
        ]
    sizes = [line["images"][0]["width"] for line in lines if "images" in line]
    assert sizes == [64]


@pytest.mark.parametrize(
    ("kind", "codec", "suffix", "status"),
    [("avi", "png", ".png", 415), ("mov", "png", ".png", 415), ("mov", "mjpeg", ".jpg", 422)],
)
def test_opening_a_video_decodes_no_large_frame(
    monkeypatch: pytest.MonkeyPatch, kind: str, codec: str, suffix: str, status: int
) -> None:
    """FFmpeg decodes frames to learn about a stream, before anybody has seen its size or codec."""
    large = cv2.imencode(suffix, picture(512, 512))[1].tobytes()
    opened = av.open
    found: list[tuple[int, int]] = []

    def watched(*args: Any, **options: Any) -> Any:
        container = opened(*args, **options)
        context = container.streams.video[0].codec_context
        found.append((context.width, context.height))
        return container

    data = _file_with(large, kind=kind, codec=codec)
    monkeypatch.setattr(av, "open", watched)
    with TestClient(
        create_app(BrightModel(), limits=Limits(video_pixels=10_000)), base_url=HERE
    ) as client:
        answer = client.post("/predict/video", content=data)
    assert answer.status_code == status, answer.text
    assert found and (512, 512) not in found


def _jpeg_frame(width: int, height: int) -> bytes:
    return cv2.imencode(".jpg", picture(width, height))[1].tobytes()


def _avi_with(first: bytes, second: bytes) -> bytes:
    """An AVI of MJPEG whose header states the size of the first frame."""
    return _file_with(first, second, kind="avi", codec="mjpeg")


def _file_with(*frames: bytes, kind: str, codec: str) -> bytes:
    """A video whose header states 64 x 48 pixels, whatever its frames are."""
    file = io.BytesIO()
    with av.open(file, "w", format=kind) as container:
        stream = container.add_stream(codec, rate=10)
        stream.width, stream.height = 64, 48
        stream.pix_fmt = "yuvj420p" if codec == "mjpeg" else "rgb24"
        for index, data in enumerate(frames):
            packet = av.Packet(data)
            packet.stream, packet.pts, packet.dts = stream, index, index
            packet.time_base = Fraction(1, 10)
            packet.is_keyframe = True
            container.mux(packet)
    return file.getvalue()


PLAYLIST = b"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nfile:///etc/passwd\n#EXT-X-ENDLIST\n"
CONCAT = b"ffconcat version 1.0\nfile /etc/passwd\n"


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"", 415),
        (PLAYLIST, 415),
        (CONCAT, 415),
        (b"....ftyp" + PLAYLIST, 422),
        (b"....ftyp" + bytes(1000), 422),
        (b"\x1a\x45\xdf\xa3" + bytes(100), 422),
        (b"RIFF....AVI " + bytes(100), 422),
        (video()[:200], 422),
    ],
)
def test_what_is_no_video(client: TestClient, data: bytes, status: int) -> None:
    answer = client.post("/predict/video", content=data)
    assert answer.status_code == status, answer.text


def test_the_place_for_a_video_comes_back(client: TestClient) -> None:
    for data in (b"x", video(), video()[:100], video()):
        assert client.post("/predict/video", content=data).status_code != 429
