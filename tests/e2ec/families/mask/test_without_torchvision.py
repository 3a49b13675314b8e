"""Where torchvision is missing, presets and weights of the family say in one line what to do."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import safetensors.torch
import torch
from front_doors import assert_one_line_error, call

import e2ec
from lib.errors import InputError

REMEDY = 'needs torchvision: pip install -e ".[mask]", or make mask for an environment of its own'


@pytest.fixture(autouse=True)
def missing(monkeypatch: pytest.MonkeyPatch) -> None:
    """torchvision cannot be imported, nor what stands on it."""
    above = ("torchvision", "network.mask", "e2ec.families.mask", "e2ec.losses.mask_total")
    for name in list(sys.modules):
        # Settings are readable without it, and classes of them are in use.
        if name.startswith(above) and name != "network.mask.settings":
            monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(sys, "meta_path", [Missing(), *sys.meta_path])


class Missing:
    """Finds no torchvision."""

    def find_spec(self, name: str, path: object = None, target: object = None) -> None:
        if name.split(".")[0] == "torchvision":
            raise ModuleNotFoundError(f"No module named {name!r}", name="torchvision")


def test_training_and_evaluation_say_it(tmp_path: Path) -> None:
    data = ["--data.format", "synthetic", "--data.synthetic-train", "2", "--device", "cpu"]
    for preset in ("mask_rcnn", "seanet"):
        ending = call("train.py", preset, *data, "--out", tmp_path)
        assert_one_line_error(ending, f"{preset} {REMEDY}")


def test_a_preset_is_described_without_it() -> None:
    ending = call("train.py", "mask_rcnn", "--help")
    assert ending.status == 0 and "torchvision" in ending.out


def test_weights_say_it(tmp_path: Path) -> None:
    path = tmp_path / "w.safetensors"
    card = '{"family": "mask"}'
    metadata = {"format": "e2ec-weights", "version": "1", "card": card}
    path.write_bytes(safetensors.torch.save({"x": torch.zeros(1)}, metadata))
    with pytest.raises(InputError) as error:
        e2ec.load_model(path)
    assert str(error.value) == f"{path} {REMEDY}"
    ending = call("test.py", "mask_rcnn", "--data.format", "synthetic", "--weights", path)
    assert_one_line_error(ending, REMEDY)
