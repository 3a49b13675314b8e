"""Images by folder, pattern, list and number, and those of them that cannot be read."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from e2ec.app.stream.report import Report
from e2ec.app.stream.sources.open import open_source
from lib.errors import InputError
from lib.images import write_image


@pytest.fixture
def shots(tmp_path: Path) -> Path:
    """Five images in two folders, one of them hidden, and one that is none."""
    for name in ("a.png", "b.png", "sub/a.png", "sub/c.jpg", ".hidden/x.png"):
        write_image(tmp_path / "shots" / name, np.full((8, 8, 3), 100, np.uint8))
    (tmp_path / "shots/notes.md").write_text("no image")
    return tmp_path / "shots"


def names(source: object, **options: object) -> list[str]:
    return [frame.name for frame in open_source(str(source), **options)]  # type: ignore[arg-type]


def test_a_folder_with_and_without_its_sub_folders(shots: Path) -> None:
    assert names(shots) == ["a.png", "b.png"]
    assert names(shots, recursive=True) == ["a.png", "b.png", "sub/a.png", "sub/c.jpg"]


def test_images_in_sub_folders_alone_are_hinted_at(shots: Path) -> None:
    for name in ("a.png", "b.png"):
        (shots / name).unlink()
    with pytest.raises(InputError, match=r"holds no images .*--recursive"):
        open_source(str(shots))


@pytest.mark.parametrize(
    ("pattern", "found"),
    [
        ("*.png", ["a.png", "b.png"]),
        ("**/*.png", ["a.png", "b.png", "sub/a.png"]),
        ("sub/[ac].*", ["a.png", "c.jpg"]),
    ],
)
def test_a_pattern(shots: Path, pattern: str, found: list[str]) -> None:
    assert names(shots / pattern) == found
    with pytest.raises(InputError, match="matches no images"):
        open_source(str(shots / "*.gif"))


def test_a_file_named_like_a_pattern_is_that_file(shots: Path) -> None:
    (shots / "a.png").rename(shots / "a[1].png")
    assert names(shots / "a[1].png") == ["a[1].png"]


def test_a_list(shots: Path) -> None:
    """Paths are relative to the list; the order is its own."""
    (shots / "list.txt").write_text("# mine\nsub/c.jpg\n\n  a.png  \n")
    assert names(shots / "list.txt") == ["sub/c.jpg", "a.png"]
    (shots / "list.txt").write_text("a.png\nfilm.mp4\n")
    with pytest.raises(InputError, match=r"list\.txt: line 2: 'film\.mp4' is neither an image"):
        open_source(str(shots / "list.txt"))
    (shots / "list.txt").write_text("\n")
    with pytest.raises(InputError, match="names no images"):
        open_source(str(shots / "list.txt"))


def test_a_sequence_is_a_film(tmp_path: Path) -> None:
    """25 frames a second from the lowest number on; a missing number leaves a gap in time."""
    for number in (8, 9, 10, 12):
        write_image(tmp_path / f"shot_{number:03}.png", np.full((8, 8, 3), number, np.uint8))
    write_image(tmp_path / "shot_x.png", np.zeros((8, 8, 3), np.uint8))
    source = open_source(str(tmp_path / "shot_%03d.png"))
    assert (source.is_stream, source.is_live, source.length, source.fps) == (True, False, 4, 25.0)
    assert [(f.name, round(f.time_s, 6), f.image[0, 0, 0]) for f in source] == [
        ("shot_008.png", 0.0, 8), ("shot_009.png", 0.04, 9),
        ("shot_010.png", 0.08, 10), ("shot_012.png", 0.16, 12),
    ]  # fmt: skip
    with pytest.raises(InputError, match="there are no such images"):
        open_source(str(tmp_path / "none_%d.png"))
    with pytest.raises(InputError, match="one %d"):
        open_source(str(tmp_path / "a_%d_%d.png"))


def test_what_cannot_be_read_is_passed_over_and_reported(shots: Path) -> None:
    (shots / "aa.png").write_bytes(b"not an image")
    source = open_source(str(shots))
    source.report = Report()
    said: list[str] = []
    source.report.say = said.append
    assert [(f.index, f.name) for f in source] == [(0, "a.png"), (2, "b.png")]
    assert source.report.skipped == 1 and not source.report.fine
    assert "aa.png: not an image" in source.report.summary()
    assert said == source.report.broken


def test_a_report_keeps_some_messages_and_counts_all() -> None:
    report = Report()
    for number in range(250):
        report.skip(f"frame {number}")
    assert len(report.broken) == 100 and report.skipped == 250
    assert report.summary() == "250 skipped; frame 0 (and 99+ more)"
    with pytest.raises(InputError, match="frame 7"):
        Report(strict=True).skip("frame 7")
