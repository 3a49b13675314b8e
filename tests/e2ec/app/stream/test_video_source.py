"""Videos that are damaged, in the middle or at their end, and those that are turned."""

from __future__ import annotations

import itertools
import os
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from e2ec.app.stream.report import Report
from e2ec.app.stream.sources.open import open_source
from e2ec.bench.studies.live_server import number_of, numbered
from lib.errors import InputError

FRAMES = 60


def write_video(path: Path, *, codec: str = "libx264", between: int = 0) -> Path:
    """60 numbered frames at 10 a second, a key frame every 10; of those between them so many are
    stored after later ones."""
    if codec not in av.codecs_available:
        pytest.skip(f"FFmpeg was built without {codec}")
    with av.open(str(path), "w") as container:
        stream = container.add_stream(
            codec, rate=10, options={"g": "10", "crf": "5", "bf": str(between)}
        )
        stream.width, stream.height, stream.pix_fmt = 512, 96, "yuv420p"
        if codec == "mjpeg":
            stream.pix_fmt = "yuvj420p"
        for number in range(FRAMES):
            frame = av.VideoFrame.from_ndarray(numbered(number), format="rgb24")
            frame.pts, frame.time_base = number, Fraction(1, 10)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def read(path: Path) -> tuple[list[int], Report]:
    source = open_source(str(path))
    source.report = Report()
    frames = list(source)
    assert [frame.index for frame in frames] == list(range(len(frames)))
    for frame in frames:
        assert frame.time_s == pytest.approx(number_of(frame.image) / 10, abs=1e-3)
    return [number_of(frame.image) for frame in frames], source.report


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv", "a.avi", "a.ts"])
@pytest.mark.parametrize("codec", ["libx264", "mpeg4"])
def test_every_frame_comes_once_in_order_with_its_time(
    tmp_path: Path, name: str, codec: str
) -> None:
    numbers, report = read(write_video(tmp_path / name, codec=codec, between=2))
    assert numbers == list(range(FRAMES))
    assert report.fine, report.broken


def damage(path: Path, frame: int) -> None:
    """Overwrite the beginning of a frame's data."""
    with av.open(str(path)) as container:
        place = [p.pos for p in container.demux(video=0) if p.pos is not None][frame]
    data = bytearray(path.read_bytes())
    data[place : place + 40] = b"\xff" * 40
    path.write_bytes(data)


def test_damage_in_the_middle_is_passed_over_and_reported(tmp_path: Path) -> None:
    """Frames before the damage and from the next key frame on are good; none between counts."""
    path = write_video(tmp_path / "a.mp4")
    damage(path, 25)
    numbers, report = read(path)
    assert numbers[:25] == list(range(25)) and numbers[-30:] == list(range(30, FRAMES))
    assert 25 not in numbers
    assert report.skipped == FRAMES - len(numbers) >= 1
    assert "a.mp4: damaged: " in report.summary()


def test_damage_is_reported_where_it_is(tmp_path: Path) -> None:
    """Not at the end, which nobody may ever ask for; a strict report stops there."""
    path = write_video(tmp_path / "a.mp4")
    damage(path, 25)
    source = open_source(str(path))
    source.report = Report()
    assert len(list(itertools.islice(source, 40))) == 40
    assert "a.mp4: damaged: " in source.report.summary()
    with pytest.raises(InputError, match=r"a\.mp4: damaged: .* the first after 2\.\d\d s"):
        list(open_source(str(path)))


def test_an_early_end_is_reported(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.avi", codec="mjpeg")
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])
    numbers, report = read(path)
    assert 10 < len(numbers) < FRAMES
    assert numbers == list(range(len(numbers)))
    assert "a.avi: " in report.summary() and "ended at frame" in " ".join(report.broken)


def test_a_jpeg_cut_in_half_is_no_frame(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.avi", codec="mjpeg")
    data = path.read_bytes()
    ends = [i for i in range(len(data)) if data[i : i + 2] == b"\xff\xd9"]
    cut = ends[7]
    path.write_bytes(data[: cut - 800] + bytes(802) + data[cut + 2 :])
    numbers, report = read(path)
    assert numbers == [number for number in range(FRAMES) if number != 7]
    assert report.skipped == 1


def test_strict_raises_after_what_could_be_read(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.avi", codec="mjpeg")
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])
    frames = []
    with pytest.raises(InputError, match=r"a\.avi: "):
        for frame in open_source(str(path)):
            frames.append(frame)
    assert len(frames) > 10


def test_a_playlist_called_video_opens_no_other_file(tmp_path: Path) -> None:
    write_video(tmp_path / "secret.ts")
    for text in (
        "#EXTM3U\n#EXT-X-TARGETDURATION:6\n#EXTINF:6,\nsecret.ts\n#EXT-X-ENDLIST\n",
        "ffconcat version 1.0\nfile secret.ts\n",
    ):
        (tmp_path / "a.mp4").write_text(text)
        with pytest.raises(InputError, match=r"a\.mp4: "):
            list(open_source(str(tmp_path / "a.mp4")))


def test_pixels_are_those_of_opencv(tmp_path: Path) -> None:
    path = Path(os.environ.get("E2EC_DATA", "")) / "videos" / "car-detection.mp4"
    if "E2EC_DATA" not in os.environ or not path.is_file():
        pytest.skip("E2EC_DATA does not point at a folder with videos/car-detection.mp4")
    capture = cv2.VideoCapture(str(path))
    for frame, _ in zip(open_source(str(path)), range(20), strict=False):
        image = capture.read()[1][..., ::-1]
        assert np.abs(image.astype(int) - frame.image).max() <= 2
