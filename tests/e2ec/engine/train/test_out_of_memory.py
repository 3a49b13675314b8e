"""Where memory runs out, the front doors say in one line what to lower."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from front_doors import TINY, assert_one_line_error, call, coco_folder, write_picture

import e2ec.app.commands.check
import e2ec.app.commands.demo
import e2ec.app.commands.evaluate
import e2ec.engine.evaluate.validate
from e2ec.engine.train import trainer

pytestmark = pytest.mark.usefixtures("elsewhere")
CUDA = torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB.\nGPU 0 has ...")
CPU = RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes.")
KILLED = RuntimeError("DataLoader worker (pid 12) is killed by signal: Killed. ")


def raising(error: Exception) -> object:
    def fail(*arguments: object, **options: object) -> None:
        raise error

    return fail


@pytest.mark.parametrize(
    ("error", "parts"),
    [
        (CUDA, ("out of memory (CUDA", "--train.batch-size", "crop-size", "--train.accumulate")),
        (CPU, ("can't allocate memory", "--train.batch-size")),
        (MemoryError(), ("out of memory; lower --train.batch-size",)),
        (KILLED, ("was killed", "--data.workers", "--train.batch-size")),
    ],
    ids=["cuda", "cpu", "python", "worker"],
)
def test_training(
    error: Exception, parts: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trainer, "train_step", raising(error))
    assert_one_line_error(call("train.py", *TINY), *parts)


def test_evaluating_while_training(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(e2ec.engine.evaluate.validate, "predict_dataset", raising(CPU))
    assert_one_line_error(call("train.py", *TINY), "--eval.batch-size", "--data.view")


def test_evaluation(weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(e2ec.app.commands.evaluate, "predict_dataset", raising(CUDA))
    ending = call("test.py", *TINY, "--weights", weights)
    assert_one_line_error(ending, "out of memory", "--eval.batch-size")


def test_the_demo(weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_picture(tmp_path / "a.png")
    monkeypatch.setattr(e2ec.app.commands.demo.Predictor, "predict", raising(CPU))
    ending = call("demo.py", "--weights", weights, "--source", "a.png")
    assert_one_line_error(ending, "out of memory", "zoom of the weights' view", "smaller images")


def test_check(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = coco_folder(tmp_path / "data")
    with pytest.raises(MemoryError) as caught:
        np.empty(1 << 46)
    monkeypatch.setattr(e2ec.app.commands.check, "check_dataset", raising(caught.value))
    ending = call("e2ec/__main__.py", "check", "nuclei", "--data.root", root)
    assert_one_line_error(ending, "out of memory (Unable to allocate", "use smaller images")


def test_a_mistake_of_ours_keeps_its_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        e2ec.engine.train.trainer, "train_step", raising(RuntimeError("shapes differ"))
    )
    with pytest.raises(RuntimeError, match="shapes differ"):
        call("train.py", *TINY)
