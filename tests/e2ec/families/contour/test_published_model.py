"""A published checkpoint as a model: what its preset and its class count say of it.

On a thin network with the published names; `tests/network/test_golden.py` reads the real sizes.
"""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from configs.coco import get_config
from dataset.formats.coco.categories import COCO_CATEGORIES
from dataset.transforms.test_transform import TestView
from e2ec.app.commands.command_line import EvaluationOptions
from e2ec.app.commands.evaluate import evaluate_split
from e2ec.config import EvalConfig, ModelConfig
from e2ec.engine.data.open_data import build_dataset
from e2ec.engine.predict.predictor import load_model
from e2ec.engine.train.build import build_card, build_model
from e2ec.engine.weights.checkpoint import save_weights
from e2ec.presets import load_preset
from network import published
from network.contour.architecture import ARCHITECTURES, NANO
from network.contour.e2ec import build_network
from network.published import load_published

THIN = replace(NANO, backbone_channels=(4, 6, 8, 10, 12, 14), refinements=3)


@pytest.fixture(autouse=True)
def thin(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(published, "DLA34", THIN)
    monkeypatch.setitem(ARCHITECTURES, "dla34", THIN)
    # The names are tests/network/test_published.py's subject: here ours stand in the file.
    monkeypatch.setattr(published, "convert_names", dict)


def checkpoint(folder: Path, classes: int) -> Path:
    network = build_network(num_classes=classes, architecture=THIN, vertices=16)
    torch.save({"net": network.state_dict(), "epoch": 139}, folder / "model.pth")
    return folder / "model.pth"


def test_a_model_of_coco_knows_its_classes(tmp_path: Path) -> None:
    """80 classes are COCO's, with the gaps in their ids; view and decoding are the preset's."""
    model = load_model(checkpoint(tmp_path, 80), preset="coco", device="cpu")
    assert model.class_names[0] == "person" and model.class_names[-1] == "toothbrush"
    assert model.card.category_ids == tuple(COCO_CATEGORIES)
    assert model.card.category_ids[-1] == 90
    assert model.card.nms_iou == get_config().eval.nms_iou == 0.7
    assert model.card.view == replace(get_config().data.view, warp="published")
    assert model.card.clip == model.network.clip == "cells"
    found = model.predict(np.zeros((40, 50, 3), np.uint8), score_threshold=0.0)
    assert (found.height, found.width) == (40, 50)


def test_what_starts_from_published_weights_is_clipped_like_its_labels(tmp_path: Path) -> None:
    weights = checkpoint(tmp_path, 80)
    config = replace(get_config(), model=ModelConfig(architecture="dla34", weights=weights))
    targets = replace(config.data.targets, vertices=16)
    network = build_model(replace(config, data=replace(config.data, targets=targets)), 80)
    assert published.load_published(weights).clip == "cells" and network.clip == "edge"


def test_other_models_number_their_classes(tmp_path: Path) -> None:
    model = load_model(checkpoint(tmp_path, 3), preset="coco", device="cpu")
    assert model.class_names == ("class 1", "class 2", "class 3")
    assert model.card.category_ids == (1, 2, 3)


def test_only_published_weights_are_tested_with_the_published_warp(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`test.py` shows images as the preset says, published weights by their own warp; the settings
    written beside the results say so."""
    config = load_preset("synthetic")
    config = replace(
        config,
        device="cpu",
        data=replace(config.data, synthetic_val=1),
        eval=EvalConfig(iou_types=("bbox",)),
    )
    pth = checkpoint(tmp_path, len(build_dataset(config, "val").class_names))
    own = tmp_path / "own.safetensors"
    network = build_network(
        num_classes=load_published(pth).num_classes, architecture=NANO, vertices=16
    )
    save_weights(own, network, build_card(config, build_dataset(config, "val")))
    seen: list[TestView] = []
    as_it_is = TestView.apply
    monkeypatch.setattr(
        TestView, "apply", lambda self, *given: seen.append(self) or as_it_is(self, *given)
    )
    for path, warp in ((pth, "published"), (own, "exact")):
        options = EvaluationOptions(path, None, "val", tmp_path / path.stem, "synthetic")
        evaluate_split(config, options)
        assert seen.pop() == replace(config.data.view, warp=warp) and not seen
        written = json.loads((options.out / "config.json").read_text())
        assert written["data"]["view"]["warp"] == warp
