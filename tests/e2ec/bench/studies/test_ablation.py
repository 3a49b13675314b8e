"""The ablation: its rows, its budget, what is not done again, its tables."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

import pytest
import torch
from front_doors import assert_usage_error, call
from random_networks import random_images, random_network

from e2ec.app.commands.command_line import parse_config
from e2ec.bench.studies import ablation as study
from e2ec.bench.studies.ablation_options import AblationOptions, DataName
from e2ec.bench.studies.ablation_rows import TABLES, Row, runs_of, words_of
from e2ec.bench.studies.ablation_table import command_of, record, to_markdown
from e2ec.bench.studies.early_exit import end_after
from e2ec.config import Config, ModelConfig
from lib.errors import InputError

STAGES = ("init", "coarse", "refine1", "refine2")


def settings(data: DataName, row: Row, **changes: Any) -> Config:
    options = AblationOptions(data, root=Path("data"), **changes)
    words = [*options.budget(), *words_of(row, options.length)]
    return parse_config(words, program="train.py", purpose="")


@pytest.mark.parametrize("table", TABLES)
def test_all_rows_are_settings_and_differ_from_each_other(table: str) -> None:
    """In every table each row is another set of settings, with the epochs of the budget; a row that
    only evaluates is told from the others by its name."""
    found = [settings("nuclei", row, epochs=8) for row in TABLES[table]]  # type: ignore[index]
    assert all(config.train.epochs == config.train.eval_every == 8 for config in found)
    seen = [json.dumps(config.to_dict(), sort_keys=True) for config in found]
    assert len(set(seen)) == len(seen)
    names = [row.name for row in TABLES[table]]  # type: ignore[index]
    assert len(set(names)) == len(names)
    for row in TABLES[table]:  # type: ignore[index]
        assert row.tests is None or row.tests in names


@pytest.mark.parametrize("data", get_args(DataName))
def test_the_budget_is_that_of_small_networks_on_any_data(data: DataName) -> None:
    config = settings(data, Row("as it is"))
    assert config.model.architecture == "nano" and config.model.weights is None
    assert config.eval.stage == "final-dml"  # nothing is chosen by the images that are reported
    assert config.loss.matching_start_epoch == config.train.epochs // 4
    assert config.train.eval_iou_types == ("segm", "boundary")


def test_rows_say_what_their_names_say() -> None:
    rows = {row.name: row for rows in TABLES.values() for row in rows}
    baseline = settings("nuclei", rows["baseline, octagon"])
    assert isinstance(baseline.model, ModelConfig)
    assert baseline.model.initial == "box_octagon" and not baseline.model.global_deformation
    assert baseline.data.targets.pairing == "nearest"
    assert baseline.loss.last_stage == "smooth_l1"
    late = settings("nuclei", rows["from three quarters"], epochs=8)
    assert late.loss.matching_start_epoch == 6
    paper = settings("nuclei", rows["the paper's network"]).model
    assert isinstance(paper, ModelConfig) and paper.global_hidden == 2 * 64
    # Rows of the same options are trained once.
    assert runs_of(rows["smooth L1"]) == runs_of(rows["+ alignment, M=4: smooth L1"])
    assert runs_of(rows["as it is"]) == runs_of(rows["+ dynamic matching"])
    assert len({runs_of(row) for row in rows.values()}) < len(rows)


class Trainer:
    """In place of `train.py` and `test.py`: writes what they would, of values that follow from the
    seed and from the calls before."""

    def __init__(self) -> None:
        self.calls: list[list[str]] = []
        self.stops: Callable[[int], bool] = lambda _: False

    def __call__(self, command: Sequence[str], **_: object) -> subprocess.CompletedProcess[str]:
        words = list(command)
        self.calls.append(words)
        value = lambda name: words[len(words) - words[::-1].index(name)]  # noqa: E731
        if Path(words[1]).name == "test.py":
            assert Path(value("--weights")).is_file()
            (Path(value("--out")) / "metrics.json").write_text(
                json.dumps({"metrics": self.metrics(0.9)})
            )
            return subprocess.CompletedProcess(words, 0)
        run = Path(value("--out")) / value("--name")
        assert value("--resume") == "auto"
        if self.stops(len(self.calls)):
            return subprocess.CompletedProcess(words, 0)
        (run / "last").mkdir(parents=True)
        for name in ("weights.safetensors", "last/weights.safetensors", "last/state.pt"):
            (run / name).touch()
        entry = {"epoch": int(value("--train.epochs")), "metrics": {}}
        metrics = self.metrics(0.1 * int(value("--train.seed")))
        (run / "metrics.json").write_text(json.dumps({"latest": metrics, "history": [entry]}))
        return subprocess.CompletedProcess(words, 0)

    @staticmethod
    def metrics(first: float) -> dict[str, float]:
        ap = {f"stages/{stage}": first + 0.01 * i for i, stage in enumerate(STAGES)}
        return ap | {f"stages_boundary/{stage}": 0.5 for stage in STAGES}


@pytest.fixture
def trainer(monkeypatch: pytest.MonkeyPatch) -> Trainer:
    """Contours of all stages fit by 70 % at labelled centres."""
    trainer = Trainer()
    monkeypatch.setattr(subprocess, "run", trainer)
    monkeypatch.setattr(study.boundary_study, "run_data", lambda run: (None, None))
    monkeypatch.setattr(study, "center_iou", lambda *_: dict.fromkeys(STAGES, 70.0))
    return trainer


@pytest.fixture
def options(tmp_path: Path) -> AblationOptions:
    rows = ("as it is", "smooth L1", "boxes suppressed above 0.7")
    return AblationOptions(
        "synthetic", table="ingredients", rows=rows, seeds=2, epochs=4, out=tmp_path
    )


def test_what_is_finished_is_not_done_again(trainer: Trainer, options: AblationOptions) -> None:
    text = study.ablation(options)
    # Two rows with two seeds, and two evaluations.
    assert len(trainer.calls) == 6
    assert sum(Path(words[1]).name == "test.py" for words in trainer.calls) == 2
    assert not list(options.out.rglob("state.pt"))
    assert study.ablation(options) == text and len(trainer.calls) == 6
    # Another table has one of these rows under another name; of the others none has been run.
    study.ablation(replace(options, table="matching", rows=("smooth L1", "distance L1")))
    assert len(trainer.calls) == 8
    # One more seed is one more run a row.
    study.ablation(replace(options, rows=("as it is",), seeds=3))
    assert len(trainer.calls) == 9
    assert (options.out / "synthetic" / "ingredients.md").is_file()


def test_a_stopped_run_goes_on(trainer: Trainer, options: AblationOptions) -> None:
    """`train.py` ends with status 0 when it is told to stop."""
    trainer.stops = lambda number: number == 2
    with pytest.raises(
        InputError, match=r"smooth_L1-0: the training was stopped; the same command"
    ):
        study.ablation(options)
    assert len(trainer.calls) == 2
    study.ablation(options)
    # The first is finished; the second is called with the very same words.
    assert trainer.calls[2] == trainer.calls[1] and len(trainer.calls) == 7


def test_a_run_counts_only_for_its_own_budget(trainer: Trainer, options: AblationOptions) -> None:
    study.ablation(options)
    for changed in ({"epochs": 5}, {"extra": "--optim.lr 1e-3"}):
        with pytest.raises(InputError, match=r"was made with other options.*another --out"):
            study.ablation(replace(options, **changed))  # type: ignore[arg-type]
    assert len(trainer.calls) == 6


def test_what_runs_found_outlives_their_folders(
    trainer: Trainer, options: AblationOptions, tmp_path: Path
) -> None:
    """The same table without the runs; a row with no results yet is trained, and so is the row
    whose weights are tested."""
    kept = replace(options, results=tmp_path / "kept.json")
    text = study.ablation(kept)
    assert len(trainer.calls) == 6
    shutil.rmtree(tmp_path / "synthetic")
    assert study.ablation(kept) == text and len(trainer.calls) == 6
    runs = json.loads((tmp_path / "kept.json").read_text())
    run = next(run for name, run in runs.items() if name.endswith("smooth_L1-1"))
    assert run["stages"]["init"] == [10.0, 50.0, 70.0] and "smooth_l1" in run["options"]
    with pytest.raises(InputError, match=r"kept.json: .* was made with other options"):
        study.ablation(replace(kept, epochs=5))
    study.ablation(replace(kept, rows=("both flips at test time",), seeds=1))
    assert len(trainer.calls) == 8
    (tmp_path / "kept.json").write_text('{"synthetic/smooth_L1-1": {"stages": {}}}')
    with pytest.raises(InputError, match=r"kept.json: not results of the ablation"):
        study.ablation(kept)


def test_the_table_has_means_and_spreads(trainer: Trainer, options: AblationOptions) -> None:
    """Seeds 0 and 1 end at 3 and 13 %: 8 on average, 10 apart."""
    text = study.ablation(replace(options, table="matching", rows=("smooth L1",)))
    assert text.splitlines()[2] == (
        "| smooth L1 | 2 | 8.00 (10.00) | 50.00 (0.00) | 70.00 (0.00) | 5.0 / 6.0 / 7.0 / 8.0 "
        "| 50.0 / 50.0 / 50.0 / 50.0 | 70.0 / 70.0 / 70.0 / 70.0 | 58.8 / 18.0 |"
    )
    one = {"a": [{"init": (1.0, 2.0)}]}
    assert (
        to_markdown([Row("a")], one).splitlines()[2]
        == "| a | 1 | 1.00 | 2.00 |  | 1.0 | 2.0 |  |  |"
    )


def test_runs_from_before_are_measured_at_the_labels_centres(
    trainer: Trainer, options: AblationOptions
) -> None:
    """Where their weights still lie there; nothing is trained again."""
    kept = replace(options, results=options.out / "kept.json", rows=("as it is",), seeds=1)
    study.ablation(kept)
    text = (options.out / "kept.json").read_text()
    (options.out / "kept.json").write_text(text.replace(", 70.0]", "]"))
    assert "70.0" not in (options.out / "kept.json").read_text()
    assert " 70.00 |" not in study.ablation(replace(kept, known=True))
    assert " 70.00 |" in study.ablation(kept) and len(trainer.calls) == 1
    assert json.loads((options.out / "kept.json").read_text()) == json.loads(text)


def test_a_table_of_what_is_known(trainer: Trainer, options: AblationOptions) -> None:
    """Three seeds of one row, one of another, none of a third: nothing is trained for the table."""
    kept = replace(options, results=options.out / "kept.json", rows=("as it is",), seeds=3)
    study.ablation(kept)
    study.ablation(replace(kept, rows=("smooth L1",), seeds=1))
    text = study.ablation(replace(kept, rows=(), known=True))
    assert len(trainer.calls) == 4
    assert [line.split(" | ")[:2] for line in text.splitlines()[2:]] == [
        ["| as it is", "3"],
        ["| smooth L1", "1"],
    ]
    command = command_of(replace(kept, root=None, known=True))
    assert command.endswith("--results kept.json --known")
    with pytest.raises(ValueError, match="--known needs --results"):
        AblationOptions("nuclei", known=True)


def test_the_document_takes_the_table_between_its_markers(tmp_path: Path) -> None:
    options = AblationOptions("nuclei", root=Path("/somewhere/nuclei"), seeds=1)
    document = tmp_path / "a.md"
    markers = [f"<!-- ablation nuclei table1: {end} -->" for end in ("begin", "end")]
    document.write_text(f"before\n{markers[0]}\nold\n{markers[1]}\nafter\n")
    record("| new |", options, document)
    text = document.read_text()
    assert text.startswith(f"before\n{markers[0]}") and text.endswith(f"{markers[1]}\nafter\n")
    assert "old" not in text and "| new |" in text and f"    {command_of(options)}\n" in text
    assert "/somewhere" not in text and "--table table1 --seeds 1 --epochs 16" in text
    with pytest.raises(InputError, match="ablation nuclei matching: begin"):
        record("", replace(options, table="matching"), document)


def test_the_project_s_document_has_markers_of_what_is_measured() -> None:
    text = study.boundary_study.TRAIN.with_name("docs").joinpath("ablation.md").read_text()
    for data in get_args(DataName):
        for table in TABLES:
            for end in ("begin", "end"):
                assert text.count(f"<!-- ablation {data} {table}: {end} -->") == 1


def test_classes_are_merged_in_the_folder_of_the_runs(tmp_path: Path) -> None:
    labels = tmp_path / "coco" / "annotations"
    labels.mkdir(parents=True)
    document = {
        "images": [{"id": 1}],
        "annotations": [{"category_id": 7}, {"category_id": 9}],
        "categories": [{"id": 7, "name": "a"}, {"id": 9, "name": "b"}],
    }
    for split in ("train", "val"):
        (labels / f"instances_{split}2017.json").write_text(json.dumps(document))
    options = AblationOptions("coco_mini", root=tmp_path / "coco", out=tmp_path / "runs")
    words = study.data_words(options)
    merged = Path(words[words.index("--data.root") + 1])
    assert merged.is_relative_to(tmp_path / "runs")
    found = json.loads((merged / "instances_val2017.json").read_text())
    assert {a["category_id"] for a in found["annotations"]} == {1} and len(found["categories"]) == 1
    assert json.loads((labels / "instances_val2017.json").read_text()) == document


@torch.inference_mode()
def test_a_network_that_ends_early_gives_the_same_contours() -> None:
    network = random_network().eval()
    images = random_images(1, 64)
    whole = network(images)
    assert len(whole.scores) > 0
    for number, stage in enumerate(STAGES):
        ended = end_after(network, stage)
        assert ended.stage_names == STAGES[: number + 1]
        assert torch.equal(ended(images).stages[stage], whole.stages[stage])
    assert network.stage_names == STAGES


def test_the_command_says_what_is_wrong() -> None:
    assert_usage_error(call("e2ec/__main__.py", "bench", "ablatoin"), "ablation")
    ending = call("e2ec/__main__.py", "bench", "ablation", "--rows", "none", "--root", "a")
    assert_usage_error(ending, "the table table1 has", "baseline, octagon")
    assert_usage_error(call("e2ec/__main__.py", "bench", "ablation"), "--root", "nuclei")
    assert "--table" in call("e2ec/__main__.py", "bench", "ablation", "--help").out


def test_one_row_is_trained_for_real(tmp_path: Path) -> None:
    """Two epochs of 16 images: every stage of the baseline has a value, and the table says so."""
    extra = "--data.synthetic-train 16 --data.synthetic-val 2 --data.augmentation.crop-size 64 64"
    options = AblationOptions(
        "synthetic", rows=("baseline, octagon",), seeds=1, epochs=2, extra=extra, out=tmp_path
    )
    text = study.ablation(replace(options, times=True))
    assert text.splitlines()[2].startswith("| baseline, octagon | ")
    assert text.count(" / ") == 3 * 2 + 1  # init, refine1, refine2 of three measures; the paper
    assert "| refine2 | " in text and "| coarse | " not in text
