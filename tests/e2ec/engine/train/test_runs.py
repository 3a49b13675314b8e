"""Runs that share a name, runs that were killed, and `--resume auto`."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
from front_doors import ROOT, TINY, assert_one_line_error, call
from tiny_run import tiny

from e2ec.engine.train import trainer as trainer_module
from e2ec.engine.train.run import train
from e2ec.engine.weights.checkpoint import load_state
from lib.errors import InputError
from lib.folder_lock import NAME, FolderLock

pytestmark = pytest.mark.usefixtures("fresh_accelerator")

PATIENCE = 120.0
STATE = "last/state.pt"


def start(out: Path, *options: str) -> subprocess.Popen[str]:
    command = [sys.executable, "train.py", *TINY, "--out", str(out), *options]
    return subprocess.Popen(
        command,
        cwd=ROOT,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def wait_for(path: Path, process: subprocess.Popen[str]) -> None:
    end = time.monotonic() + PATIENCE
    while not path.exists():
        assert process.poll() is None and time.monotonic() < end, process.communicate()
        time.sleep(0.05)


def test_two_runs_of_one_name_and_one_after_a_kill(tmp_path: Path) -> None:
    """The second ends in one line and touches nothing; SIGKILL lets a third one go on at once."""
    run = tmp_path / "synthetic"
    first = start(tmp_path, "--train.epochs", "100000", "--data.workers", "1")
    try:
        wait_for(run / STATE, first)
        for options in ([], ["--resume"], ["--resume", "auto"]):
            ending = call("train.py", *TINY, "--out", tmp_path, *options)
            assert_one_line_error(ending, f"{run}: in use", f"process {first.pid} on", "--name")
        assert first.poll() is None
    finally:
        first.kill()
        first.communicate()
    assert (run / NAME).exists(), "nobody was left to remove it"
    done = load_state(run / STATE)["epoch"]
    left = [
        run / ".weights.safetensors.abcdefgh.e2ec",
        run / "last/.state.pt.01234567.e2ec",
        run / "pictures/.epoch-0001.jpg.abcdefgh.e2ec",
    ]
    for path in left:
        path.parent.mkdir(exist_ok=True)
        path.write_text("half")
    (run / "last/mine").write_text("")
    more = str(done + 1)
    ending = call("train.py", *TINY, "--out", tmp_path, "--resume", "auto", "--train.epochs", more)
    assert ending.status == 0, ending
    assert load_state(run / STATE)["epoch"] == done + 1
    assert not any(path.exists() for path in left) and (run / "last/mine").exists()
    assert not (run / NAME).exists()


def test_temporary_files_stay_where_the_lock_is_not_held(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file system without locks: somebody else may be writing them."""

    def none(file: int) -> None:
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr("lib.folder_lock._lock", none)
    path = tmp_path / "synthetic/.weights.safetensors.abcdefgh.e2ec"
    path.parent.mkdir()
    path.write_text("half")
    assert train(tiny(tmp_path, epochs=1))
    assert path.exists()


def test_a_run_that_cannot_start_leaves_no_folder(tmp_path: Path) -> None:
    config = tiny(tmp_path)
    with pytest.raises(InputError, match="too few"):
        train(replace(config, data=replace(config.data, synthetic_train=1)))
    assert not (tmp_path / "synthetic").exists()


def test_only_the_main_process_takes_the_lock(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The others of a distributed run would refuse themselves."""
    taken = []

    class Other:
        is_main_process = False

        def wait_for_everyone(self) -> None:
            pass

        end_training = wait_for_everyone

    monkeypatch.setattr("e2ec.engine.train.run.make_accelerator", lambda config: Other())
    monkeypatch.setattr("e2ec.engine.train.run._train", lambda *arguments: taken.append(1) or True)
    with FolderLock(tmp_path / "synthetic", remedy=""):
        assert train(tiny(tmp_path)) and taken


def test_resume_auto_starts_continues_and_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    auto = replace(tiny(tmp_path, epochs=1), resume_or_start=True)
    assert train(auto)
    assert "nothing saved yet" in capsys.readouterr().out
    assert load_state(tmp_path / "synthetic" / STATE)["epoch"] == 1
    assert train(replace(tiny(tmp_path, epochs=2), resume_or_start=True))
    assert load_state(tmp_path / "synthetic" / STATE)["epoch"] == 2
    assert "nothing saved yet" not in capsys.readouterr().out
    before = {p: p.stat().st_mtime_ns for p in (tmp_path / "synthetic").rglob("*") if p.is_file()}
    monkeypatch.setattr(trainer_module, "train_step", None)  # no step may follow
    assert train(replace(tiny(tmp_path, epochs=2), resume_or_start=True))
    assert re.search(r"finished already, after 2 epochs.*synthetic", capsys.readouterr().out)
    after = {p: p.stat().st_mtime_ns for p in (tmp_path / "synthetic").rglob("*") if p.is_file()}
    assert after == before


def test_resume_auto_on_the_command_line(tmp_path: Path) -> None:
    arguments = ["train.py", *TINY, "--out", tmp_path]
    ending = call(*arguments, "--resume")
    state = tmp_path / "synthetic" / STATE
    assert_one_line_error(ending, state, "no training state", "--resume auto")
    assert call(*arguments, "--resume", "auto").status == 0
    ending = call(*arguments, "--resume", "auto")
    assert ending.status == 0 and "finished already" in ending.out
    assert_one_line_error(call(*arguments), "holds a run already", "--resume")
