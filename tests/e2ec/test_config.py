"""Settings check themselves, and every preset builds."""

from __future__ import annotations

import ast
import dataclasses
import importlib
import json
import warnings
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch

import e2ec.config as config_module
import e2ec.contour_loss_config as contour_loss_config
import e2ec.data_config as data_config_module
import e2ec.mask_config as mask_config_module
import e2ec.model_config as model_config_module
from dataset.contour import target_settings
from dataset.transforms import augmentation_settings, test_transform
from e2ec.config import (
    AttentionHeadSettings,
    AugmentationSettings,
    Config,
    DataConfig,
    EvalConfig,
    LossConfig,
    MaskConfig,
    MaskLossConfig,
    ModelConfig,
    OptimConfig,
    TargetSettings,
    TestView,
    TrainConfig,
)
from e2ec.engine.train.resume import check_settings, fixed_settings, keep_choices
from e2ec.presets import load_preset, preset_names
from lib.errors import InputError
from network.contour.architecture import NANO
from network.contour.e2ec import build_network
from network.mask.settings import MaskNetworkSettings


@pytest.mark.parametrize(
    ("section", "values"),
    [
        (ModelConfig, {"refinements": 0}),
        (ModelConfig, {"refinements": 17}),
        (MaskConfig, {"architecture": "dla34"}),
        (MaskConfig, {"trainable_layers": 6}),
        (MaskConfig, {"mask_convolutions": 8, "mask_head": "boundary"}),
        (MaskConfig, {"box_convolutions": 2}),
        (MaskConfig, {"attention": AttentionHeadSettings(fusion="concat")}),
        (AttentionHeadSettings, {"reduction": 0}),
        (AttentionHeadSettings, {"reduction": 512}),
        (MaskConfig, {"anchor_sizes": (32, 64)}),
        (MaskLossConfig, {"edge_weight": -1.0}),
        (MaskLossConfig, {"boundary": "focal"}),
        (DataConfig, {"workers": -1}),
        (DataConfig, {"train_limit": 0}),
        (DataConfig, {"val_fraction": 0.0}),
        (DataConfig, {"val_fraction": 1.0}),
        (DataConfig, {"val_fraction": float("nan")}),
        (DataConfig, {"val_limit": -3}),
        (DataConfig, {"synthetic_val": -1}),
        (OptimConfig, {"lr": 0.0}),
        (OptimConfig, {"lr": float("nan")}),
        (OptimConfig, {"weight_decay": -1e-4}),
        (OptimConfig, {"factor": 0.0}),
        (OptimConfig, {"warmup_steps": -1}),
        (OptimConfig, {"clip_value": -1.0}),
        (LossConfig, {"coarse_weight": -0.1}),
        (TrainConfig, {"epochs": 0}),
        (TrainConfig, {"batch_size": 0}),
        (TrainConfig, {"batch_size": 9, "accumulate": 2}),
        (TrainConfig, {"ema_decay": 1.0}),
        (TrainConfig, {"seed": -1}),
        (EvalConfig, {"score_threshold": 1.5}),
        (EvalConfig, {"max_detections": 0}),
        (EvalConfig, {"nms_iou": 0.0}),
        (EvalConfig, {"iou_types": ()}),
        (EvalConfig, {"batch_size": 0}),
        (Config, {"name": ""}),
        (Config, {"name": "../elsewhere"}),
        (Config, {"name": ".hidden"}),
    ],
)
def test_impossible_values_are_refused(section: type, values: dict[str, Any]) -> None:
    """The message names the setting."""
    with pytest.raises(ValueError, match=next(iter(values))):
        section(**values)


@pytest.mark.parametrize("name", preset_names())
class TestPreset:
    def test_builds_equal_but_distinct_objects(self, name: str) -> None:
        first, second = load_preset(name), load_preset(name)
        assert first == second and first is not second
        for field in dataclasses.fields(first):
            value = getattr(first, field.name)
            if dataclasses.is_dataclass(value):
                assert value is not getattr(second, field.name), field.name

    def test_says_how_to_run_it(self, name: str) -> None:
        described = importlib.import_module(f"configs.{name}").get_config.__doc__
        assert described is not None and f"python train.py {name}" in described

    def test_is_called_like_its_file_and_can_be_written(self, name: str) -> None:
        config = load_preset(name)
        assert config.name == name
        assert json.loads(json.dumps(config.to_dict(), allow_nan=False)) == config.to_dict()


@pytest.mark.parametrize(
    ("section", "values"),
    [
        ("optim", OptimConfig(lr=float("inf"))),
        ("loss", LossConfig(center_weight=float("inf"))),
        ("data", DataConfig(view=TestView(zoom=float("inf")))),
        ("data", DataConfig(augmentation=AugmentationSettings(scale_range=(1.0, float("inf"))))),
    ],
)
def test_infinite_values_are_refused(section: str, values: Any) -> None:
    with pytest.raises(ValueError, match=rf"^{section}\..* must be finite"):
        Config(name="x", **{section: values})


def test_a_detector_s_settings_are_those_of_its_network() -> None:
    """Defaults agree, and what is set comes through; the papers' weights are the defaults."""
    assert MaskConfig().network() == MaskNetworkSettings()
    model = MaskConfig(architecture="resnet101", box_head="fcn", mask_head="attention", samples=64)
    expected = MaskNetworkSettings(
        backbone="resnet101", box_head="fcn", mask_head="attention", samples=64
    )
    assert model.network() == expected
    assert MaskConfig().sharp.training == "off" and MaskConfig().weights is None
    weights = {k: v for k, v in vars(MaskLossConfig()).items() if k.endswith("_weight")}
    assert weights.pop("box_iou_weight") == 0.5 and set(weights.values()) == {1.0}


def test_settings_of_older_runs_lack_those_of_detectors() -> None:
    """A run that was stopped before there were any goes on."""
    config = load_preset("synthetic")
    new = ("loss.mask.", "data.augmentation.short_sides", "data.augmentation.longest")
    saved = {k: v for k, v in fixed_settings(config).items() if not k.startswith(new)}
    assert len(saved) < len(fixed_settings(config))
    check_settings(saved, config, name="state.pt")


def test_settings_are_frozen() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        load_preset("synthetic").name = "other"  # type: ignore[misc]


def test_settings_as_plain_values() -> None:
    values = Config(name="x", data=DataConfig(root=Path("a/b"), image_ids=(1, 2))).to_dict()
    assert values["data"]["root"] == "a/b"
    assert values["data"]["image_ids"] == [1, 2]
    assert values["model"]["weights"] is None


MODULES = [
    config_module,
    contour_loss_config,
    data_config_module,
    mask_config_module,
    model_config_module,
    target_settings,
    augmentation_settings,
    test_transform,
]


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.__name__)
def test_every_field_is_described(module: ModuleType) -> None:
    """The command line's help is made of these descriptions."""
    assert module.__file__ is not None
    tree = ast.parse(Path(module.__file__).read_text())
    for node in tree.body:
        if isinstance(node, ast.ClassDef):
            for field, text in zip(node.body, [*node.body[1:], None], strict=True):
                # A section is described by its own class.
                if isinstance(field, ast.AnnAssign) and "Config" not in ast.unparse(field):
                    assert isinstance(text, ast.Expr), ast.unparse(field)


def test_the_stride_is_the_networks(tmp_path: Path) -> None:
    """It stands in older settings and states, and may be named, but means nothing else."""
    images = torch.zeros(1, 3, 64, 64)
    network = build_network(num_classes=1, architecture=NANO, vertices=8)
    stride = TargetSettings().stride
    assert network.eval()(images).heatmap.shape[2] * stride == images.shape[2]
    with pytest.raises(ValueError, match=r"stride comes from the network.* 4, not 8"):
        Config(name="x", data=DataConfig(targets=TargetSettings(stride=8)))
    config = replace(load_preset("synthetic"), auto=("data.targets.stride",))
    assert fixed_settings(config)["data.targets.stride"] == 4
    check_settings({"data.targets.stride": 4} | fixed_settings(config), config, name="state.pt")
    (tmp_path / "config.json").write_text(json.dumps(config.to_dict()))
    assert keep_choices(config, tmp_path / "config.json") == replace(config, auto=())
    (tmp_path / "config.json").write_text('{"data": {"targets": {"stride": 8}}}')
    with pytest.raises(InputError, match=r"config\.json.*data\.targets\.stride"):
        keep_choices(config, tmp_path / "config.json")


@pytest.mark.parametrize(
    ("name", "message"),
    [("sinthetic", "did you mean 'synthetic'"), ("zzz", "there are .*coco"), ("../coco", "coco")],
)
def test_unknown_presets_suggest_a_name(name: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        load_preset(name)


def test_the_library_of_the_metrics_is_deprecated() -> None:
    with pytest.warns(FutureWarning, match="leave it out"):
        config = EvalConfig(library="pycocotools")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        replace(config, per_class=True)  # it is said once
        EvalConfig()
