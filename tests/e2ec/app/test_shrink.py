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
    for key, value in network.state_dict().items():
        found = loaded.state_dict()[key]
        assert found.dtype == value.dtype
        assert torch.allclose(found, value, rtol=1e-3, atol=1e-6)
