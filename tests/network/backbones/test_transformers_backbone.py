"""Backbones of the package `transformers`: their maps, their pixels, what is frozen, what is
refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from tiny_backbones import TINY, classifier_folder

from lib.errors import InputError
from network.backbones.settings import BackboneDescription, BackboneSettings, plain_config
from network.backbones.transformers_backbone import (
    TransformersBackbone,
    build_model,
    check_sizes,
    describe,
    load_pretrained,
)

transformers = pytest.importorskip(
    "transformers", reason='transformers is not installed (pip install -e ".[backbones]")'
)
CHANNELS = (6, 7, 8, 9)
SHOWN: dict[str, Any] = {"shown_mean": (0.1, 0.2, 0.3), "shown_std": (0.5, 0.25, 0.2)}  # B, G, R


def made(folder: Path | str, *, pretrained: bool = True, frozen: bool = False) -> Any:
    description = describe(str(folder), pretrained=pretrained)
    model = build_model(description, name="test")
    backbone = TransformersBackbone(
        model, description=description, channels=CHANNELS, frozen=frozen, **SHOWN
    )
    backbone.freeze_unused()
    if pretrained:
        load_pretrained(backbone, str(folder))
    return backbone


@pytest.mark.parametrize("kind", TINY)
def test_pretrained_maps_are_those_of_the_classifier(kind: str, tmp_path: Path) -> None:
    """The classifier is shown R, G, B in its own normalisation, the backbone B, G, R in another:
    what enters the 1x1 convolutions is the same."""
    own = {"image_mean": [0.4, 0.5, 0.6], "image_std": [0.3, 0.2, 0.1]}
    folder = classifier_folder(tmp_path, kind, **own)
    backbone = made(folder).eval()
    pixels = torch.rand(2, 3, 64, 96)  # R, G, B in 0..1
    by_channel = {name: torch.tensor(values).view(1, 3, 1, 1) for name, values in own.items()}
    seen = (pixels - by_channel["image_mean"]) / by_channel["image_std"]
    classifier = transformers.AutoModelForImageClassification.from_pretrained(folder).eval()
    with torch.no_grad():
        states = classifier(seen, output_hidden_states=True)
        shown = torch.stack(
            [(pixels[:, 2 - i] - SHOWN["shown_mean"][i]) / SHOWN["shown_std"][i] for i in range(3)],
            dim=1,
        )
        # Backbones of some kinds add new normalisations, which come before the convolutions.
        norms = getattr(backbone.model, "hidden_states_norms", None)
        readers = [it[0] for it in backbone.laterals] if norms is None else list(norms.values())
        entering: list[torch.Tensor] = []
        for reader in readers:
            reader.register_forward_pre_hook(lambda _, given: entering.append(given[0]))
        maps = backbone(shown)
    expected = getattr(states, "reshaped_hidden_states", None) or states.hidden_states
    assert len(entering) == 4
    # Swin's classifier halves a map before it gives it, but for the last one.
    last = 1 if kind == "swin" else 4
    for own_map, state in zip(entering[-last:], expected[-last:], strict=True):
        if own_map.ndim == 3:  # tokens, row by row
            own_map = own_map.transpose(1, 2).reshape(state.shape)
        assert state.abs().max() > 1e-3 and (own_map - state).abs().max() < 1e-5
    sizes = [(2, c, 64 // s, 96 // s) for c, s in zip(CHANNELS, (4, 8, 16, 32), strict=True)]
    assert [tuple(it.shape) for it in maps] == sizes
    assert backbone.channels == CHANNELS and backbone.strides == (4, 8, 16, 32)


def test_statistics_come_along(tmp_path: Path) -> None:
    backbone = made(classifier_folder(tmp_path, "resnet"))
    means = {k: v for k, v in backbone.model.state_dict().items() if k.endswith("running_mean")}
    source = transformers.AutoModelForImageClassification.from_pretrained(tmp_path).state_dict()
    assert len(means) > 8
    for key, value in means.items():
        assert torch.equal(value, source[f"resnet.{key}"]) and value.abs().max() > 0


def test_usual_preprocessing_is_that_of_imagenet(tmp_path: Path) -> None:
    found = describe(str(classifier_folder(tmp_path, "resnet")), pretrained=True)
    assert found.mean == (0.485, 0.456, 0.406) and found.std == (0.229, 0.224, 0.225)
    plain = json.dumps({"do_normalize": False})
    (tmp_path / "preprocessor_config.json").write_text(plain)
    assert describe(str(tmp_path), pretrained=True).std == (1.0, 1.0, 1.0)


@pytest.mark.parametrize("kind", ["hgnet_v2", "swin"])
def test_every_parameter_that_learns_gets_a_gradient(kind: str, tmp_path: Path) -> None:
    backbone = made(classifier_folder(tmp_path, kind))
    torch.manual_seed(0)
    sum(it.square().sum() for it in backbone(torch.randn(2, 3, 64, 64))).backward()
    learning = dict(backbone.model.named_parameters())
    for name, parameter in learning.items():
        assert (parameter.grad is not None) == parameter.requires_grad, name
    frozen = {name for name, p in learning.items() if not p.requires_grad}
    assert all("layernorm" in name for name in frozen) and len(frozen) < 3


def test_a_frozen_backbone_keeps_weights_and_statistics(tmp_path: Path) -> None:
    backbone = made(classifier_folder(tmp_path, "resnet"), frozen=True).train()
    before = {key: value.clone() for key, value in backbone.model.state_dict().items()}
    sum(it.sum() for it in backbone(torch.randn(2, 3, 64, 64))).backward()
    assert not backbone.model.training and backbone.laterals.training
    assert all(p.grad is None for p in backbone.model.parameters())
    assert all(p.grad is not None for p in backbone.laterals.parameters())
    for key, value in backbone.model.state_dict().items():
        assert torch.equal(value, before[key]), key
    learning = made(tmp_path).train()
    learning(torch.randn(2, 3, 64, 64))
    key = "embedder.embedder.normalization.running_mean"
    assert not torch.equal(learning.model.state_dict()[key], before[key])


def test_a_description_builds_the_same_network_again(tmp_path: Path) -> None:
    """From JSON alone: the folder is gone by then."""
    folder = classifier_folder(tmp_path / "classifier", "convnextv2")
    backbone = made(folder).eval()
    found = describe(str(folder), pretrained=True)
    text = json.dumps({"config": found.config, "mean": found.mean, "std": found.std})
    assert str(tmp_path) not in text and "id2label" not in text
    again = BackboneDescription.from_json(json.loads(text))
    other = TransformersBackbone(
        build_model(again, name="test"), description=again, channels=CHANNELS, **SHOWN
    ).eval()
    other.load_state_dict(backbone.state_dict())
    images = torch.randn(1, 3, 64, 64)
    for one, two in zip(backbone(images), other(images), strict=True):
        assert torch.equal(one, two)


def test_names_that_mean_nothing_are_refused(tmp_path: Path) -> None:
    cases = [
        ("resnet", True, "a model type has no weights.*no-pretrained"),
        ("nothing", False, "no folder, no name on the hub"),
        (str(tmp_path), True, f"model.backbone.name {tmp_path}: "),
        ("bert", False, "gives no four maps"),
    ]
    for name, pretrained, problem in cases:
        with pytest.raises(InputError, match=problem) as error:
            describe(name, pretrained=pretrained)
        assert "\n" not in str(error.value)


def test_a_hub_out_of_reach_ends_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*arguments: object, **options: object) -> None:
        raise OSError("We couldn't connect\nand more lines")

    monkeypatch.setattr(transformers.AutoConfig, "from_pretrained", fail)
    with pytest.raises(InputError, match=r"name owner/model: We couldn't connect$"):
        describe("owner/model", pretrained=True)


def test_maps_of_one_stride_are_refused() -> None:
    sizes = {"hidden_size": 8, "num_hidden_layers": 4, "num_attention_heads": 2, "image_size": 64}
    config = {"model_type": "dinov2", "patch_size": 16, "intermediate_size": 8, **sizes}
    config["out_features"] = ["stage1", "stage2", "stage3", "stage4"]
    description = BackboneDescription(config)
    with pytest.raises(InputError, match="strides 16, 16, 16, 16; 4, 8, 16 and 32 are needed"):
        TransformersBackbone(
            build_model(description, name="test"),
            description=description, channels=CHANNELS, **SHOWN,
        )  # fmt: skip


def test_weights_that_lack_something_are_refused(tmp_path: Path) -> None:
    import safetensors.torch

    folder = classifier_folder(tmp_path, "resnet")
    path = folder / "model.safetensors"
    state = safetensors.torch.load_file(path)
    left = {k: v for k, v in state.items() if "stages.2.layers.0.layer.0.convolution" not in k}
    assert len(left) == len(state) - 1
    safetensors.torch.save_file(left, path, {"format": "pt"})
    with pytest.raises(InputError, match="its weights lack 1 of the backbone's tensors"):
        made(folder)
    path.unlink()
    torch.save(state, folder / "pytorch_model.bin")  # a pickle is not opened
    with pytest.raises(InputError, match="weights unusable"):
        made(folder)


def test_a_description_from_outside_is_not_trusted() -> None:
    """No huge sizes, no names of code or of other models; weights of other sizes are noticed before
    any memory is asked for."""
    plain = {"model_type": "resnet", **TINY["resnet"]}
    for change in (
        {"hidden_sizes": [8, 12, 16, 10**9]},
        {"depths": [1, 1, 1, 10**6]},
        {"depths": [1] * 10**4},
        {"backbone_config": {"model_type": "swin"}},
        {"model_type": "timm_backbone"},
        {"model_type": None},
    ):
        with pytest.raises(ValueError, match=r"."):
            plain_config({**plain, **change})
    harmful = {"auto_map": {"AutoConfig": "x.y"}, "_attn_implementation": "owner/kernel"}
    assert plain_config({**plain, **harmful}) == plain
    large = BackboneDescription({**plain, "hidden_sizes": [8, 12, 16, 50000]})
    with pytest.raises(InputError, match="file: weights do not fit its backbone: first"):
        check_sizes(large, {}, "file")
    with pytest.raises(ValueError, match="std must be positive"):
        BackboneDescription.from_json({"config": plain, "mean": [0, 0, 0], "std": [1, 0, 1]})


def test_settings_are_checked() -> None:
    for factor in (0.0, -1.0, float("nan")):
        with pytest.raises(ValueError, match="lr_factor must be positive"):
            BackboneSettings(lr_factor=factor)
