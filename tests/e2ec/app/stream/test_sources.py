"""Image sources: files, folders, videos, cameras and URLs, and what is said when they fail."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from e2ec.app.stream.sources.open import open_source
from lib.errors import InputError
from lib.images import write_image

FRAMES = 12
FPS = 10.0


def picture(level: int) -> np.ndarray:
    return np.full((32, 48, 3), (level, 0, 0), np.uint8)


@pytest.fixture
def video(tmp_path: Path) -> Path:
    """12 frames of 48 x 32 pixels at 10 frames a second, each redder than the one before."""
    path = tmp_path / "film.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), FPS, (48, 32))
    if not writer.isOpened():
        pytest.skip("OpenCV cannot write videos here")
    for index in range(FRAMES):
        writer.write(cv2.cvtColor(picture(20 * index), cv2.COLOR_RGB2BGR))
    writer.release()
    return path


def test_an_image(tmp_path: Path) -> None:
    path = tmp_path / "a.PNG"
    write_image(tmp_path / "a.png", picture(200))
    (tmp_path / "a.png").rename(path)
    source = open_source(str(path))
    (frame,) = source
    assert (source.name, source.is_stream, source.length, source.fps) == ("a.PNG", False, 1, None)
    assert (frame.name, frame.index, frame.time_s) == ("a.PNG", 0, 0.0)
    assert (frame.image == picture(200)).all()


def test_a_folder_is_read_in_the_order_of_its_names(tmp_path: Path) -> None:
    for name in ("b.png", "c.jpg", "a.png", ".hidden.png"):
        write_image(tmp_path / name, picture(100))
    (tmp_path / "notes.txt").write_text("no image")
    (tmp_path / "inner.png").mkdir()
    source = open_source(str(tmp_path))
    assert source.length == 3
    assert not source.is_stream
    for _ in range(2):
        assert [(f.index, f.name) for f in source] == [(0, "a.png"), (1, "b.png"), (2, "c.jpg")]


def test_a_broken_image_in_a_folder_is_named(tmp_path: Path) -> None:
    write_image(tmp_path / "a.png", picture(100))
    (tmp_path / "b.png").write_bytes(b"not an image")
    frames = iter(open_source(str(tmp_path)))
    assert next(frames).name == "a.png"
    with pytest.raises(InputError, match=r"b\.png: not an image"):
        next(frames)


def test_a_video(video: Path) -> None:
    source = open_source(str(video))
    assert (source.name, source.is_stream, source.length, source.fps) == (
        "film.avi",
        True,
        FRAMES,
        FPS,
    )
    for _ in range(2):
        frames = list(source)
        assert [f.index for f in frames] == list(range(FRAMES))
        assert np.allclose([f.time_s for f in frames], np.arange(FRAMES) / FPS, atol=1e-6)
        assert {f.name for f in frames} == {"film.avi"}
        assert frames[0].image.shape == (32, 48, 3)
        # RGB: red grows from frame to frame, blue does not.
        assert np.abs(frames[-1].image[16, 24].astype(int) - [220, 0, 0]).max() < 12


def test_stopping_early_is_allowed(video: Path) -> None:
    source = open_source(str(video))
    assert next(iter(source)).index == 0
    assert len(list(source)) == FRAMES


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.mp4", b"\0" * 4096, "not a video that can be decoded"),
        ("a.mp4", b"", "not a video that can be decoded"),
        ("a.txt", b"text that FFmpeg would show as a film", "neither an image"),
        ("a.png", b"not an image", "not an image"),
    ],
)
def test_a_file_that_cannot_be_used_is_named(
    tmp_path: Path, name: str, content: bytes, message: str
) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=message) as caught:
        list(open_source(str(tmp_path / name)))
    assert name in str(caught.value)


def test_a_missing_file_is_named() -> None:
    with pytest.raises(InputError, match=r"nowhere/a\.png: no such file"):
        open_source("nowhere/a.png")


def test_an_empty_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="holds no images"):
        open_source(str(tmp_path))


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("98765", "camera-98765: cannot be opened"),
        ("http://127.0.0.1:9/a.mp4", r"http://127\.0\.0\.1:9/a\.mp4: cannot be opened"),
    ],
)
def test_a_camera_or_url_that_cannot_be_opened(source: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        open_source(source)


def test_opencv_and_ffmpeg_add_no_lines_of_their_own(tmp_path: Path) -> None:
    """In a process of its own: FFmpeg settles how much it says when it is first used."""
    (tmp_path / "a.mp4").write_bytes(b"\0" * 4096)
    program = (
        "import sys\n"
        "from e2ec.app.stream.sources.open import open_source\n"
        "from lib.errors import InputError\n"
        "for source in sys.argv[1:]:\n"
        "    try:\n"
        "        open_source(source)\n"
        "    except InputError as error:\n"
        "        print(error)\n"
    )
    sources = [str(tmp_path / "a.mp4"), "98765", "http://127.0.0.1:9/a.mp4"]
    done = subprocess.run(
        [sys.executable, "-c", program, *sources],
        cwd=Path(__file__).resolve().parents[4],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stderr == ""
    assert len(done.stdout.splitlines()) == 3


def test_opening_leaves_the_environment_as_it_was(video: Path) -> None:
    before = dict(os.environ)
    open_source(str(video))
    assert dict(os.environ) == before


def test_a_folder_called_like_a_camera_is_a_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "0").mkdir()
    write_image(tmp_path / "0" / "a.png", picture(1))
    monkeypatch.chdir(tmp_path)
    assert open_source("0").length == 1


def test_a_film_of_cars() -> None:
    """377 frames at 12.5 frames a second in H.264, of a film kept outside the project."""
    path = Path(os.environ.get("E2EC_DATA", "")) / "videos" / "car-detection.mp4"
    if "E2EC_DATA" not in os.environ or not path.is_file():
        pytest.skip("E2EC_DATA does not point at a folder with videos/car-detection.mp4")
    source = open_source(str(path))
    frames = [(f.index, f.time_s, f.image.shape) for f in source]
    assert source.length == len(frames) == 377
    assert source.fps == 12.5
    assert frames[-1][1] == pytest.approx(376 / 12.5)
    assert {shape for _, _, shape in frames} == {(432, 768, 3)}
