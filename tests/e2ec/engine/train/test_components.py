"""Multi-component detection from settings to weights: a tiny run of the preset."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tiny_run import tiny

from configs.components import get_config
from e2ec.engine.data.open_data import build_dataset
from e2ec.engine.train.run import train
from e2ec.engine.weights.checkpoint import load_weights


@pytest.mark.usefixtures("fresh_accelerator")
def test_a_run_learns_votes_and_its_weights_have_them(tmp_path: Path) -> None:
    config = tiny(tmp_path, get_config(), epochs=1, eval_every=1)
    dataset = build_dataset(config, "train")
    assert any(len(i.parts) > 1 for k in range(8) for i in dataset[k].instances)
    train(config)
    folder = tmp_path / "components"
    assert '"parts"' in json.dumps(json.loads((folder / "metrics.json").read_text()))
    network, card = load_weights(folder / "weights.safetensors")
    assert network.part_votes is not None and card.group_parts
