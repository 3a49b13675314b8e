"""A camera on the network, made here: what is shown is fresh, and faults are survived."""

from __future__ import annotations

import http.server
import itertools
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import av
import pytest

import e2ec
import e2ec.app.stream.sources.url as url_module
from e2ec.app.stream.report import Report
from e2ec.app.stream.sources.open import open_source
from e2ec.app.stream.sources.url import url_source, without_password
from e2ec.app.stream.sources.video import VideoSource
from e2ec.bench.studies.live_server import (
    Part,
    age_s,
    jpeg,
    mjpeg_server,
    number_of,
    numbered,
    paced,
    stamped,
)
from e2ec.bench.studies.live_stream import memory, parts
from e2ec.bench.studies.stand_in import StandIn
from lib.errors import InputError


def endless(connection: int) -> Iterator[Part]:
    while True:
        yield jpeg(stamped())


def test_the_newest_frame_is_taken_and_the_others_are_counted() -> None:
    """30 frames a second, a network of 10: whatever the machine does, the frame that the network
    gets came since it took the one before."""
    with (
        mjpeg_server(lambda n: paced(endless(n), 30.0)) as url,
        e2ec.stream(url, StandIn(0.1), limit=12) as frames,  # type: ignore[arg-type]
    ):
        taken, before = [], 0.0
        for frame, _ in frames:
            if len(taken) > 2:
                assert frame.captured > before
            before = time.monotonic() - 0.1 - 0.034
            taken.append(frame)
    indices = [frame.index for frame in taken]
    assert frames.report.dropped >= indices[-1] - 12 > 5
    assert indices == sorted(set(indices))


def test_times_of_a_live_stream_are_those_of_capture() -> None:
    """80 frames over 2.7 seconds carry times up to that, not those of a guessed rate."""
    with mjpeg_server(lambda n: paced(endless(n), 30.0)) as url:
        source = open_source(url)
        frames = list(itertools.islice(source, 80))
        source.close()
    for first, last in ((frames[0], frames[-1]), (frames[20], frames[60])):
        seconds = (number_of(last.image) - number_of(first.image)) / 1e6
        assert last.time_s - first.time_s == pytest.approx(seconds, abs=0.3)
    assert frames[-1].time_s > 2.5


def test_disconnections_sizes_and_broken_frames_are_survived() -> None:
    """The server hangs up three times, changes the size, and cuts frames in half."""
    with mjpeg_server(lambda n: itertools.islice(parts(n, faults=True, seconds=0.6), 120)) as url:
        source = open_source(url, patience_s=30.0)
        source.report = Report()
        frames = list(itertools.islice(source, 130))
        source.close()
    assert source.report.reopened == 3 and source.report.skipped >= 1
    assert {frame.image.shape[:2] for frame in frames} == {(96, 512), (192, 640)}
    assert [frame.index for frame in frames] == list(range(130))
    stamps = [number_of(frame.image) for frame in frames]
    assert stamps == sorted(set(stamps))
    assert [f.time_s for f in frames] == sorted(f.time_s for f in frames)


def test_a_server_that_falls_silent_is_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("e2ec.app.stream.sources.url.STALL_S", 0.5)

    def silent(connection: int) -> Iterator[Part]:
        if connection > 1:
            return
        yield from [jpeg(numbered(10 * connection + n)) for n in range(4)]
        yield 30.0 if connection == 0 else None

    with mjpeg_server(silent) as url:
        source = open_source(url, patience_s=1.0)
        source.report = Report()
        numbers = [number_of(frame.image) for frame in itertools.islice(source, 20)]
    # The first frame of a connection shows the format, and is let go.
    assert {1, 2, 3} <= set(numbers) and {11, 12, 13} <= set(numbers)
    assert source.report.reopened >= 1
    assert "lost after" in source.report.summary()


@contextmanager
def film_server(path: Path, *, share: float = 1.0) -> Iterator[str]:
    """Serve a film of 12 frames, of which the connection carries so much; its address."""
    with av.open(str(path), "w", options={"movflags": "faststart"}) as container:
        stream = container.add_stream("mpeg4", rate=10, options={"g": "1"})
        stream.width, stream.height, stream.pix_fmt = 512, 96, "yuv420p"
        for number in range(12):
            picture = av.VideoFrame.from_ndarray(numbered(number), format="rgb24")
            container.mux(stream.encode(picture))
        container.mux(stream.encode(None))
    data = path.read_bytes()

    class File(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data[: int(share * len(data))])

        def log_message(self, format: str, *arguments: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), File)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/a.mp4"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def test_an_address_of_a_film_gives_every_frame(tmp_path: Path) -> None:
    """A film has a length: nothing is dropped, and it is not opened again at its end."""
    with film_server(tmp_path / "a.mp4") as url:
        source = open_source(url)
        assert isinstance(source, VideoSource) and not source.is_live and source.length == 12
        assert [number_of(frame.image) for frame in source] == list(range(12))


def test_a_film_whose_server_hangs_up_is_kept_as_far_as_it_came_and_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(url_module._OPTIONS, "reconnect", "0")
    with film_server(tmp_path / "a.mp4", share=0.6) as url:
        source = open_source(url)
        source.report = Report()
        numbers = [number_of(frame.image) for frame in source]
    assert 3 < len(numbers) < 12 and numbers == list(range(len(numbers)))
    assert "of 12" in source.report.summary() or "damaged" in source.report.summary()


def test_passwords_stay_out_of_names() -> None:
    assert without_password("rtsp://me:secret@10.0.0.1/live?a=@b") == "rtsp://10.0.0.1/live?a=@b"
    with pytest.raises(InputError, match=r"^http://127\.0\.0\.1:9/a: cannot be opened") as caught:
        url_source("http://me:secret@127.0.0.1:9/a", patience_s=0)
    assert "secret" not in str(caught.value)


def test_memory_stays_flat(tmp_path: Path) -> None:
    """The study in small: after the first tenths nothing grows."""
    seen = memory(frames=400, network=1e6, folder=tmp_path)
    assert [frames for frames, _ in seen] == list(range(40, 401, 40))
    assert seen[-1][1] - seen[4][1] < 20.0


def test_ages_are_read_from_pictures() -> None:
    picture = stamped()
    assert 0 <= age_s(picture) < 5
    assert number_of(numbered(0x123456789ABC)) == 0x123456789ABC
