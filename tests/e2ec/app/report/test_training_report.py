"""What the report of a training run says, and of two."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from report_case import write_evaluation, write_training

from e2ec.app.commands.report import report
from e2ec.app.report.training import load_training
from lib.errors import InputError


def rows(text: str) -> list[list[str]]:
    found = re.findall(r"<tr>(.*?)</tr>", text)
    return [re.findall(r"<t[dh][^>]*>(.*?)</t[dh]>", row) for row in found]


def test_curves_and_settings(tmp_path: Path) -> None:
    text = report(write_training(tmp_path / "run")).read_text()
    assert "3 of 3, batch size 8, seed 0" in text
    assert "the best, of epoch 3, segm/AP 37.5" in text
    for row in (["1", "3"], ["2", "2"], ["3", "1.5"], ["2", "25"], ["3", "37.5"]):
        assert row in rows(text)
    assert "Loss: center&lt;i&gt;" in text and "<i>" not in text
    assert ["train.batch_size", "8"] in rows(text)
    assert "The folder holds no curves of it" in text


def test_learning_rate_of_tensorboard(tmp_path: Path) -> None:
    """Written by TensorBoard's own writer; damaged files are no reason to end."""
    pytest.importorskip("torch", reason="torch is missing")
    from torch.utils.tensorboard import SummaryWriter

    folder = write_training(tmp_path / "run")
    with SummaryWriter(str(folder)) as writer:
        for step in range(5):
            writer.add_scalar("learning_rate", 0.5 / 2**step, step)
    steps, values = load_training(folder).rate
    assert list(steps) == [0, 1, 2, 3, 4] and list(values) == [0.5, 0.25, 0.125, 0.0625, 0.03125]
    assert ["4", "0.03125"] in rows(report(folder).read_text())
    (events,) = folder.glob("events.out.tfevents.*")
    events.write_bytes(b"\x00" * 100)
    assert load_training(folder).rate == ([], [])


def test_a_single_evaluation_is_a_bar(tmp_path: Path) -> None:
    text = report(write_training(tmp_path / "run", losses=(3.0, 2.0))).read_text()
    assert "Masks, after epoch 2" in text and ["AP", "25.0"] in rows(text)


def test_two_runs(tmp_path: Path) -> None:
    runs = write_training(tmp_path / "a"), write_training(tmp_path / "b", losses=(4.0, 2.0, 1.0))
    text = report(*runs, out=tmp_path / "two.html").read_text()
    assert ["optim.lr", "3.0", "4.0"] in rows(text) and ["3", "1.5", "1"] in rows(text)
    differing = text.split("Settings that differ")[1].split("</section>")[0]
    assert "optim.lr" in differing and "train.epochs" not in differing


def test_folders_that_cannot_be(tmp_path: Path) -> None:
    run, evaluation = write_training(tmp_path / "run"), write_evaluation(tmp_path / "e")
    with pytest.raises(InputError, match="give two of a kind"):
        report(run, evaluation)
    (run / "metrics.json").write_text(json.dumps({"history": []}))
    with pytest.raises(InputError, match="no epoch is finished yet"):
        report(run)
    for history in ([{"epoch": "x"}], [3], [{"epoch": 1, "losses": {"a": None}}]):
        (run / "metrics.json").write_text(json.dumps({"history": history}))
        with pytest.raises(InputError, match="not those of a training run"):
            report(run)
    with pytest.raises(InputError, match=r"no metrics\.json"):
        report(tmp_path / "nowhere")
