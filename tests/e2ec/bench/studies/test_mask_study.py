"""The study of both families: equal budgets for all rows, none of another one, honest times."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from e2ec.bench.studies import mask_study
from e2ec.bench.studies.mask_study import (
    MODELS,
    StudyOptions,
    check_budget,
    milliseconds,
    row_options,
    run_row,
    table,
)
from lib.errors import InputError


@pytest.fixture
def options(tmp_path: Path) -> StudyOptions:
    labels = {
        "images": [{"id": i} for i in range(6)],
        "annotations": [{"image_id": i} for i in range(6)],
    }
    (tmp_path / "instances_train.json").write_text(json.dumps(labels))
    return StudyOptions(tmp_path, out=tmp_path / "runs")


def value(words: list[str], option: str) -> str:
    """Of options, the last one counts."""
    return words[len(words) - words[::-1].index(option)]


def test_rows_have_the_same_images_and_learn_at_a_part_of_the_start(options: StudyOptions) -> None:
    options.out.mkdir()
    for model in MODELS:
        row = row_options(model, 2, options, Path("start.safetensors"))
        contour = row_options(f"{model}+contour", 2, options, Path("start.safetensors"))
        assert contour == [*row, "--loss.contour-weight", "1", "--loss.contour.start", "0"]
        assert value(row, "--train.epochs") == "2" and value(row, "--train.seed") == "2"
        assert value(row, "--train.batch-size") == "4"
        assert float(value(row, "--optim.lr")) == mask_study.LR[model] / 2
        sharp = row_options(model, 2, options, Path("row.safetensors"), sharp=True)
        assert value(sharp, "--model.sharp.training") == "alone"
        assert value(sharp, "--train.epochs") == "1"
    watched = json.loads((options.out / "watched.json").read_text())
    assert len(watched["images"]) == len(watched["annotations"]) == 4


def test_a_finished_run_counts_only_for_its_own_budget(options: StudyOptions) -> None:
    run = options.out / "e2ec-0"
    run.mkdir(parents=True)
    words = ["--train.epochs", "2", "--optim.lr", "0.001"]
    check_budget(run, words)
    said = {"train": {"epochs": 2}, "optim": {"lr": 0.001}}
    (run / "config.json").write_text(json.dumps(said))
    check_budget(run, words)
    for other in (["--train.epochs", "3"], ["--optim.lr", "0.002"]):
        with pytest.raises(InputError, match=r"e2ec-0: was trained for other.*--out"):
            check_budget(run, [*words, *other])


def test_what_is_done_is_not_done_again(
    options: StudyOptions, monkeypatch: pytest.MonkeyPatch
) -> None:
    trained: list[str] = []

    def train(folder: Path, words: list[str]) -> None:
        trained.append(folder.name)
        (folder / "last").mkdir(parents=True)
        for path in (folder / "weights.safetensors", folder / "last" / "weights.safetensors"):
            path.touch()

    scores = {"refine2": [50.0, 40.0, 30.0], "sharp": [51.0, 41.0, 31.0]}
    predictor = SimpleNamespace(stages=("refine1", "refine2", "sharp"))
    monkeypatch.setattr(mask_study, "train", train)
    monkeypatch.setattr(mask_study, "load_model", lambda *_, **__: predictor)
    monkeypatch.setattr(mask_study, "held_out", lambda _: (SimpleNamespace(eval=None), ()))
    monkeypatch.setattr(mask_study, "predict_dataset", lambda *_, stages: stages)
    monkeypatch.setattr(mask_study, "score", lambda found, *_: {s: scores[s] for s in found})
    options.out.mkdir()
    for _ in range(2):
        assert run_row("bmask_rcnn", 1, options) == scores
        assert trained == ["start-mask_rcnn", "bmask_rcnn-1", "bmask_rcnn-1-sharp"]
    assert run_row("e2ec", 0, options) == scores
    assert trained[3:] == ["start-e2ec", "e2ec-0", "e2ec-0-sharp"]


def test_all_networks_are_timed_on_the_same_images(
    options: StudyOptions, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: dict[str, list[int]] = {}

    def model(weights: Path, **_: object) -> SimpleNamespace:
        images = seen.setdefault(weights.parts[-3], [])
        return SimpleNamespace(predict=images.append)

    dataset = [SimpleNamespace(image=i) for i in range(11)]
    monkeypatch.setattr(mask_study, "load_model", model)
    monkeypatch.setattr(mask_study, "held_out", lambda _: (None, dataset))
    times = milliseconds(["e2ec", "seanet"], replace(options, timed_images=3))
    assert list(times) == ["e2ec", "seanet"] and all(len(pair) == 2 for pair in times.values())
    assert list(seen) == ["e2ec-0", "e2ec-0-sharp", "seanet-0", "seanet-0-sharp"]
    assert all(images == [0, 0, 3, 6] for images in seen.values())


def test_the_table_says_mean_and_spread() -> None:
    runs = [{"mask": [30.0, 20.0, 10.0]}, {"mask": [32.0, 20.0, 13.0]}]
    lines = table({"seanet": runs}, {"seanet": [812.4]}).splitlines()
    assert lines[0].split(" | ")[-1] == "ms |" and len(lines) == 3
    assert lines[2].startswith("| seanet | mask | 31.0") and lines[2].endswith("| 812 |")


@pytest.mark.parametrize("wrong", [{"rows": ("unet",)}, {"seeds": 0}, {"timed_images": 0}])
def test_what_cannot_be_asked_for(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="--"):
        StudyOptions(Path(), **wrong)  # type: ignore[arg-type]
