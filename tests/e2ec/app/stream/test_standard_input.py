"""Frames through a pipe: raw pixels and JPEG pictures."""

from __future__ import annotations

import io
import sys

import numpy as np
import pytest

from e2ec.app.stream.report import Report
from e2ec.app.stream.sources.standard_input import StandardInput, is_standard_input
from e2ec.bench.studies.live_server import jpeg, number_of, numbered
from lib.errors import InputError


def frames(source: str, data: bytes) -> tuple[list[np.ndarray], Report]:
    opened = StandardInput(source, io.BytesIO(data))
    opened.report = Report()
    return [frame.image for frame in opened], opened.report


def test_raw_frames_of_every_format() -> None:
    image = np.random.default_rng(0).integers(0, 255, (3, 4, 3), dtype=np.uint8)
    for source, sent, seen in (
        ("-:4x3", image, image),
        ("-:4x3:bgr24", image[..., ::-1], image),
        ("-:4x3:gray", image[..., 0], image[..., [0, 0, 0]]),
    ):
        images, report = frames(source, 2 * sent.tobytes())
        assert len(images) == 2 and (np.stack(images) == seen).all()
        assert report.fine


def test_a_raw_frame_that_is_cut_short_is_passed_over() -> None:
    images, report = frames("-:4x3", bytes(36 + 20))
    assert len(images) == 1
    assert "the last frame was cut short" in report.summary()


def test_jpeg_pictures_and_one_cut_in_half() -> None:
    pictures = [jpeg(numbered(number)) for number in range(5)]
    pictures[2] = pictures[2][: len(pictures[2]) // 2]
    images, report = frames("-", b"".join(pictures))
    assert [number_of(image) for image in images] == [0, 1, 3, 4]
    assert report.skipped == 1


@pytest.mark.parametrize("data", [b"", b"text, and no picture"])
def test_nothing_to_read_is_said(data: bytes) -> None:
    with pytest.raises(InputError, match="standard input: "):
        frames("-", data)


@pytest.mark.parametrize("source", ["-:4", "-:0x3", "-:4x3:yuv420p", "-:99999999x3"])
def test_what_is_not_understood_is_said(source: str) -> None:
    assert is_standard_input(source)
    with pytest.raises(InputError, match="not understood"):
        StandardInput(source, io.BytesIO())


def test_a_size_beyond_the_limit_is_refused() -> None:
    with pytest.raises(InputError, match="too large"):
        StandardInput("-:999999x999999", io.BytesIO())


def test_a_closed_standard_input_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", None)  # as Python has it where nobody opened one
    with pytest.raises(InputError, match="standard input: is closed"):
        StandardInput("-")
