"""Contour networks on backbones of the package `transformers`: settings, training, weights files,
prediction, and what is said where the package is missing."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.torch
import torch
from front_doors import assert_one_line_error, assert_usage_error, call
from tiny_backbones import classifier_folder
from tiny_run import tiny

import e2ec
from e2ec.config import BackboneSettings, Config, ModelConfig, RefinerConfig
from e2ec.engine.train import build
from e2ec.engine.train import trainer as trainer_module
from e2ec.engine.train.run import make_accelerator, train
from e2ec.engine.weights.checkpoint import load_weights
from e2ec.families.contour.family import CONTOUR
from e2ec.named_settings import with_settings
from e2ec.presets import load_preset
from lib.errors import InputError
from network.contour.architecture import ARCHITECTURES, NANO
from network.inference.fold import fold_batchnorm

REMEDY = 'needs transformers: pip install -e ".[backbones]"'
needed = pytest.mark.skipif(
    "not __import__('importlib.util').util.find_spec('transformers')",
    reason='transformers is not installed (pip install -e ".[backbones]")',
)


@pytest.fixture(autouse=True)
def thin(monkeypatch: pytest.MonkeyPatch) -> None:
    """What comes after the backbone is nano's."""
    monkeypatch.setitem(ARCHITECTURES, "transformers", NANO)


def settings_of(name: Path | str, **settings: Any) -> ModelConfig:
    backbone = BackboneSettings(name=str(name), **settings)
    return ModelConfig(architecture="transformers", backbone=backbone)


@needed
@pytest.mark.usefixtures("fresh_accelerator")
@pytest.mark.parametrize("kind", ["resnet", "swin"])
def test_a_run_its_weights_file_and_its_prediction(kind: str, tmp_path: Path) -> None:
    """Trained from a local folder, stopped nowhere; afterwards the folder is not needed."""
    folder = classifier_folder(tmp_path / "secret" / "classifier", kind)
    config = replace(tiny(tmp_path / "runs"), model=settings_of(folder, lr_factor=0.1))
    assert train(config)
    (folder / "config.json").unlink()
    path = config.out / config.name / "weights.safetensors"
    network, card = load_weights(path)
    assert card.backbone is not None and card.backbone.config["model_type"] == kind
    assert card.settings["model"]["backbone"]["name"] == "classifier"
    assert "secret" not in path.read_bytes()[:20000].decode("latin-1")
    image = np.random.default_rng(0).integers(0, 255, (90, 70, 3), np.uint8)
    model = e2ec.load_model(path, device="cpu")
    assert model.predict(image).height == 90
    half = e2ec.load_model(path, device="cpu", precision="bf16")
    assert half.predict(image).height == 90
    again = with_settings(Config(name="x"), {"model.weights": path})
    again = with_settings(again, {"model.architecture": "transformers"})
    started = CONTOUR.build(with_settings(again, {"data.targets.vertices": network.vertices}), 3)
    assert set(started.state_dict()) == set(network.state_dict())


@needed
@pytest.mark.parametrize("kind", ["resnet", "hgnet_v2"])
@torch.no_grad()
def test_folding_changes_nothing(kind: str, tmp_path: Path) -> None:
    """Convolutions of both kinds of module are folded: no normalisation is left behind one."""
    folder = classifier_folder(tmp_path, kind)
    network = build.build_model(Config(name="x", model=settings_of(folder)), 3).eval()
    folded = fold_batchnorm(network)
    images = torch.randn(1, 3, 64, 96)
    assert torch.allclose(network.dense(images)[0], folded.dense(images)[0], atol=1e-4)
    left = [m for m in folded.backbone.modules() if isinstance(m, torch.nn.BatchNorm2d)]
    assert not left


@needed
def test_weights_are_those_of_the_folder_and_of_the_seed(tmp_path: Path) -> None:
    folder = classifier_folder(tmp_path, "resnet")
    state = safetensors.torch.load_file(folder / "model.safetensors")
    config = Config(name="x", model=settings_of(folder))
    found = build.build_model(config, 3).state_dict()
    plain = build.build_model(with_settings(config, {"model.backbone.pretrained": False}), 3)
    shared = {key for key in state if key.startswith("resnet.")}
    assert len(shared) > 50
    for key in shared:
        own = f"backbone.model.{key.removeprefix('resnet.')}"
        assert torch.equal(found[own], state[key])
    key = "backbone.model.embedder.embedder.convolution.weight"
    assert not torch.equal(plain.state_dict()[key], found[key])
    assert torch.equal(plain.state_dict()["offsets.0.weight"], found["offsets.0.weight"])


@needed
@pytest.mark.usefixtures("fresh_accelerator")
def test_the_backbone_learns_at_its_own_rate(tmp_path: Path) -> None:
    """Two groups of the optimiser, whose rates keep their ratio in every step; nobody is lost."""
    folder = classifier_folder(tmp_path / "classifier", "resnet")
    config = replace(tiny(tmp_path), model=settings_of(folder, lr_factor=0.25))
    trainer = trainer_module.Trainer(config, make_accelerator(config))
    rest, own = trainer.state.optimizer.param_groups
    backbone = trainer.state.network.backbone.model
    assert {id(p) for p in own["params"]} == {id(p) for p in backbone.parameters()}
    together = len(rest["params"]) + len(own["params"])
    assert together == len(list(trainer.state.network.parameters()))
    assert trainer.run()
    assert own["lr"] == pytest.approx(0.25 * rest["lr"]) and rest["lr"] > 0
    resumed = replace(config, resume=True)
    again = trainer_module.Trainer(resumed, make_accelerator(resumed))
    again.state.load()
    assert again.state.optimizer.param_groups[1]["lr_factor"] == 0.25


@needed
def test_weights_of_another_backbone_than_the_card_says_are_refused(tmp_path: Path) -> None:
    from e2ec.engine.weights.checkpoint import save_weights

    folder = classifier_folder(tmp_path / "a", "resnet")
    config = Config(name="x", model=settings_of(folder))
    config = with_settings(config, {"data.format": "synthetic"})
    network = build.build_model(config, 3)
    card = build.build_card(config, trainer_module.open_data(config).train)
    wrong = replace(card.backbone, config={**card.backbone.config, "hidden_sizes": [8, 12, 16, 24]})
    path = tmp_path / "w.safetensors"
    save_weights(path, network, replace(card, backbone=wrong))
    with pytest.raises(InputError, match=r"w.safetensors: weights do not fit its backbone: first"):
        e2ec.load_model(path)
    for change in ({"backbone": None}, {"architecture": "nano"}):
        save_weights(path, network, replace(card, **change))
        with pytest.raises(InputError, match="its description is damaged"):
            e2ec.load_model(path)


def test_settings_that_do_not_go_together_are_refused() -> None:
    named = BackboneSettings(name="resnet")
    with pytest.raises(ValueError, match=r"need --model.architecture transformers"):
        ModelConfig(backbone=named)
    with pytest.raises(ValueError, match=r"needs --model.backbone.name"):
        ModelConfig(architecture="transformers")
    with pytest.raises(ValueError, match="dla34 or nano for refiners"):
        RefinerConfig(architecture="transformers", backbone=named)
    with pytest.raises(ValueError, match="are of dla34, and transformers"):
        ModelConfig(architecture="transformers", backbone=named, backbone_weights=Path("imagenet"))
    ending = call("train.py", "synthetic", "--model.backbone.name", "resnet")
    assert_usage_error(ending, "need --model.architecture transformers")


@pytest.mark.parametrize("preset", ["coco_hgnetv2", "coco_convnext"])
def test_presets_differ_from_coco_in_what_the_backbone_needs(preset: str) -> None:
    config, coco = load_preset(preset), load_preset("coco")
    assert isinstance(config.model, ModelConfig) and config.model.backbone.pretrained
    assert config.model.architecture == "transformers" and config.model.backbone_weights is None
    assert (config.data, config.eval) == (coco.data, coco.eval)


def test_without_the_package_one_line_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "transformers", None)
    card = (
        '{"family": "contour", "architecture": "transformers", "class_names": ["a"], '
        '"category_ids": [1], "view": {"mode": "pad", "size": null, "zoom": 1, "multiple": 32}, '
        '"stage": "final", "score_threshold": 0.05, "max_detections": 100, "settings": {}, '
        '"nms_iou": 1.0, "backbone": {"config": {"model_type": "resnet"}, "mean": [0, 0, 0], '
        '"std": [1, 1, 1]}}'
    )
    path = tmp_path / "w.safetensors"
    metadata = {"format": "e2ec-weights", "version": "1", "card": card}
    path.write_bytes(safetensors.torch.save({"x": torch.zeros(1)}, metadata))
    with pytest.raises(InputError) as error:
        e2ec.load_model(path)
    assert str(error.value) == f"{path} {REMEDY}"
    data = ("--data.format", "synthetic", "--data.synthetic-train", 8, "--device", "cpu")
    ending = call("train.py", "coco_hgnetv2", *data, "--out", tmp_path)
    assert_one_line_error(ending, REMEDY)
