"""`python -m e2ec report`, `test.py --report`, `train.py --train.report` and `e2ec.report`."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import pytest
from front_doors import (
    ROOT,
    TINY,
    assert_one_line_error,
    assert_usage_error,
    call,
    coco_folder,
)
from report_case import write_evaluation, write_training

import e2ec
from e2ec.app.commands.report import report_training
from e2ec.config import Config, TrainConfig

COMMAND = "e2ec/__main__.py"


def test_command(tmp_path: Path) -> None:
    folder = write_evaluation(tmp_path / "e")
    ending = call(COMMAND, "report", folder)
    assert ending.status == 0, ending
    assert f"report: {folder / 'report.html'} (0." in ending.out
    first = (folder / "report.html").read_bytes()
    out = tmp_path / "new" / "two.HTML"
    ending = call(COMMAND, "report", folder, folder, "--out", out, "--examples", 1)
    assert ending.status == 0 and b"Nowhere." in out.read_bytes()
    # The same again is the same file.
    assert e2ec.report(folder, out=tmp_path / "again.html").read_bytes() == first


def test_bad_input_is_one_line(tmp_path: Path) -> None:
    assert_one_line_error(call(COMMAND, "report", tmp_path), tmp_path, "no metrics.json")
    folder = write_training(tmp_path / "t")
    assert_usage_error(call(COMMAND, "report", folder, "--out", "report.txt"), "end in .html")
    assert_usage_error(call(COMMAND, "report", folder, "--examples", "-1"), "between 0 and 100")
    assert_usage_error(call(COMMAND, "report"), "folder")


def test_without_matplotlib(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One line that names the extra; before a training, not after it."""
    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util,
        "find_spec",
        lambda name, *a: None if name == "matplotlib" else find(name, *a),
    )
    ending = call(COMMAND, "report", write_training(tmp_path / "t"))
    assert_one_line_error(ending, 'pip install "e2ec[report]"')
    config = Config(name="x", out=tmp_path, train=TrainConfig(report=True))
    with pytest.raises(e2ec.InputError, match="matplotlib"):
        report_training(config)


def test_help_and_reports_of_runs_load_no_torch(tmp_path: Path) -> None:
    folder = write_evaluation(tmp_path / "e")
    code = (
        "import runpy, sys\n"
        f"for words in (['report', '--help'], ['report', {str(folder)!r}]):\n"
        "    sys.argv = ['e2ec', *words]\n"
        "    try:\n"
        "        runpy.run_module('e2ec', run_name='__main__')\n"
        "    except SystemExit as end:\n"
        "        assert not end.code, end.code\n"
        "    assert 'torch' not in sys.modules\n"
        "    assert ('matplotlib' in sys.modules) == (words[1] != '--help')\n"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "offline" in done.stdout and (folder / "report.html").is_file()


def test_of_an_evaluation_by_weights(weights: Path, tmp_path: Path) -> None:
    """Every stage of the network is kept, and shown; generated data is made again."""
    ending = call("test.py", *TINY, "--weights", weights, "--out", tmp_path, "--report",
                  "--eval.score-threshold", "0")  # fmt: skip
    assert ending.status == 0, ending
    assert f"report: {tmp_path / 'report.html'}" in ending.out
    kept = json.loads((tmp_path / "stages.json").read_text())
    metrics = json.loads((tmp_path / "metrics.json").read_text())["metrics"]
    text = (tmp_path / "report.html").read_text()
    for stage in kept["stages"]:
        assert f"stages/{stage}" in metrics and f">{stage}" in text
    assert {*kept["results"], kept["evaluated"]} == {*kept["stages"]}
    every = [len(entries) for entries in kept["results"].values()]
    assert every == [len(json.loads((tmp_path / "results.json").read_text()))] * len(every)


def test_of_an_evaluation_of_results(tmp_path: Path) -> None:
    data = coco_folder(tmp_path / "data")
    square = [[10.0, 10.0, 40.0, 10.0, 40.0, 40.0, 10.0, 40.0]]
    entry = {"image_id": 1, "category_id": 1, "score": 0.9, "segmentation": square}
    (tmp_path / "r.json").write_text(json.dumps([entry]))
    ending = call("test.py", "nuclei", "--data.root", data, "--results", tmp_path / "r.json",
                  "--out", tmp_path / "out", "--report")  # fmt: skip
    assert ending.status == 0, ending
    text = (tmp_path / "out" / "report.html").read_text()
    assert "Objects: 1 found; 1 missed" in text and not (tmp_path / "out/stages.json").exists()


def test_at_the_end_of_a_training(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ending = call("train.py", *TINY, "--out", tmp_path, "--train.report")
    assert ending.status == 0, ending
    file = tmp_path / "synthetic" / "report.html"
    assert f"report: {file}" in ending.out
    text = file.read_text()
    assert "Loss: total" in text and "Learning rate by step" in text
    # Of several processes the first writes; and nobody is asked to write none.
    file.unlink()
    config = Config(name="synthetic", out=tmp_path, train=TrainConfig(report=True))
    monkeypatch.setenv("RANK", "1")
    report_training(config)()
    assert not file.exists()
