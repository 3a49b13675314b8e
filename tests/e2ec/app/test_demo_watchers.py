"""demo.py with tracks, and with somebody who looks: a window, a page."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from front_doors import ROOT, call
from stand_in_demo import use_stand_in, write_film
from web_client import head, send, status

from e2ec.bench.studies.killed_demo import look_at
from e2ec.bench.studies.stand_in import StandIn

pytestmark = pytest.mark.usefixtures("elsewhere")


@pytest.mark.parametrize("tracker", ["bytetrack", "ocsort"])
def test_lines_carry_the_tracks(
    tracker: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A track begins with the second frame; a run without them has no such field."""
    pytest.importorskip("trackers")
    use_stand_in(monkeypatch, StandIn())
    film = write_film(tmp_path / "film.avi", 4)
    found = []
    for more in ((), ("--track", "--tracker", tracker, "--smooth", "0.1")):
        assert call("demo.py", "--source", film, "--out", "o", *more).status == 0
        lines = [json.loads(line) for line in Path("o/contours.jsonl").read_text().splitlines()]
        found.append([line["images"][0]["instances"][0].get("track_id") for line in lines])
    assert found == [[None] * 4, [-1, 1, 1, 1]]


@pytest.mark.skipif(sys.platform != "linux", reason="other systems always have a display")
def test_where_no_window_can_be_a_line_says_so_and_it_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    use_stand_in(monkeypatch, StandIn())
    film = write_film(tmp_path / "film.avi", 3)
    for display, more, said in ((None, ("--show",), 1), (None, (), 0), ("", (), 0)):
        monkeypatch.delenv("DISPLAY", raising=False)
        if display is not None:
            monkeypatch.setenv("DISPLAY", display)
        ending = call("demo.py", "--source", film, "--out", "o", *more)
        assert ending.status == 0 and look_at(Path("o"), 0, 0).lines == 3
        lines = [line for line in ending.out.splitlines() if line.startswith("no window: ")]
        assert len(lines) == said and all("--web" in line for line in lines)


@pytest.mark.skipif(sys.platform == "win32", reason="signals of Unix")
def test_a_page_answers_while_the_stream_runs(weights: Path, tmp_path: Path) -> None:
    """And SIGTERM ends both, with whole files."""
    pytest.importorskip("fastapi")
    film = write_film(tmp_path / "film.avi", 5000)
    command = [
        sys.executable, "-u", str(ROOT / "demo.py"), "--weights", str(weights), "--source",
        str(film), "--out", "o", "--device", "cpu", "--no-show", "--web", "127.0.0.1:0",
    ]  # fmt: skip
    with subprocess.Popen(
        command,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as program:
        assert program.stdout is not None
        try:
            address = next(line for line in program.stdout if line.startswith("open "))[5:].strip()
            assert address.startswith("http://127.0.0.1:")
            while program.poll() is None and not _lines():
                pass
            for path in ("", "health"):
                assert status(send(address, head(address, f"GET /{path} HTTP/1.0"))) == 200
            assert program.poll() is None
        finally:
            program.send_signal(signal.SIGTERM)
        assert program.wait(30) == 143
        left = program.stdout.read()
    assert "has ended" not in left and "Traceback" not in left
    assert 0 < look_at(Path("o"), 143, 143).lines < 5000
    assert look_at(Path("o"), 143, 143).faults == []


def _lines() -> int:
    path = Path("o/contours.jsonl")
    return path.read_bytes().count(b"\n") if path.exists() else 0
