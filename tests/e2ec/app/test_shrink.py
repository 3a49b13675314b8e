"""Weights as float16."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import torch

from e2ec.app import shrink
from e2ec.engine.weights.checkpoint import load_weights, save_weights
from e2ec.families.contour.card import ContourCard
from network.contour.architecture import NANO
from network.contour.e2ec import build_network


def test_half_the_size_and_nearly_the_same_weights(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    network = build_network(num_classes=1, architecture=NANO, vertices=16)
    card = ContourCard(architecture="nano", class_names=("cell",), category_ids=(7,))
    full, half = tmp_path / "full.safetensors", tmp_path / "half.safetensors"
    save_weights(full, network, card)
    monkeypatch.setattr(sys, "argv", ["shrink", str(full), str(half)])
    assert shrink.main() == 0
    assert half.stat().st_size < 0.55 * full.stat().st_size
    loaded, described = load_weights(half)
    assert described == card
    for mine, theirs in zip(network.parameters(), loaded.parameters(), strict=True):
        assert theirs.dtype == torch.float32
        assert torch.allclose(mine, theirs, rtol=1e-3, atol=1e-5)


def test_settings_inside_of_weights_name_no_folder() -> None:
    from configs.synthetic import get_config
    from e2ec.engine.data.open_data import build_dataset
    from e2ec.engine.train.build import build_card

    config = get_config()
    card = build_card(config, build_dataset(config, "val"))
    assert "out" not in card.settings and "root" not in card.settings["data"]
    assert card.settings["train"]["batch_size"] == config.train.batch_size
