"""What must be the same for a run to be continued."""

from __future__ import annotations

import json
import shlex
from dataclasses import replace
from pathlib import Path

import pytest
from front_doors import coco_folder
from own_data import parsed
from tiny_run import tiny

from configs.synthetic import get_config
from dataset.loading.sample import InstanceDataset
from e2ec.config import Config, LossConfig, ModelConfig, OptimConfig
from e2ec.engine.data.open_data import build_dataset
from e2ec.engine.train.resume import (
    check_images,
    check_settings,
    fixed_settings,
    keep_choices,
)
from e2ec.engine.train.run import train
from e2ec.engine.weights.checkpoint import load_state, save_state
from e2ec.families.contour.auto.start_weights import adopt, read_start_weights
from e2ec.presets import load_preset
from lib.errors import InputError


def test_a_setting_newer_than_the_state_counts_as_its_default() -> None:
    """Without `loss.coarse_weight` and the whole section `optim` the state still fits a run that
    leaves them at their defaults, and no other."""
    config = replace(get_config(), optim=OptimConfig())
    old = {
        key: value
        for key, value in fixed_settings(config).items()
        if key != "loss.coarse_weight" and not key.startswith("optim.")
    }
    assert len(old) < len(fixed_settings(config)) - 5
    check_settings(old, config, name="state.pt")
    other = replace(config, loss=LossConfig(coarse_weight=0.2))
    with pytest.raises(InputError, match=r"state.pt: .*: loss.coarse_weight; .* 0.1, not 0.2"):
        check_settings(old, other, name="state.pt")


def test_a_saved_setting_counts_as_saved_whatever_the_default() -> None:
    saved = fixed_settings(Config(name="x", optim=OptimConfig(lr=0.5)))
    check_settings(saved, Config(name="y", optim=OptimConfig(lr=0.5)), name="state.pt")
    with pytest.raises(InputError, match=r"--optim.lr 0.5, not 0.0001"):
        check_settings(saved, Config(name="y"), name="state.pt")


def test_states_from_before_the_setting() -> None:
    """A run that was started with the format named continues; another share does not."""
    config = parsed("custom")
    saved = fixed_settings(load_preset("custom"))
    del saved["data.val_fraction"]
    check_settings(saved | {"data.format": "yolo"}, config, name="state.pt")
    with pytest.raises(InputError, match=r"data\.val_fraction"):
        check_settings(saved, parsed("custom", "--data.val-fraction", 0.3), name="state.pt")


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("train.fill_last", False),
        ("data.targets.max_instances", 5),
        ("data.augmentation.rotate90", True),
        ("data.augmentation.crop_size", [64, 96]),
        ("data.augmentation.scale_range", [0.5, 1.5]),
        ("optim.milestones", []),
    ],
)
def test_the_option_that_goes_on_is_one_that_can_be_typed(setting: str, value: object) -> None:
    """Truth values are switches and lists are words, as the command line has them."""
    now = parsed("custom")
    saved = fixed_settings(now) | {setting: value}
    with pytest.raises(InputError) as caught:
        check_settings(saved, now, name="state.pt")
    option = str(caught.value).partition("continue with ")[2].partition(", ")[0]
    typed = parsed("custom", *shlex.split(option))
    assert fixed_settings(typed)[setting] == saved[setting]


@pytest.mark.parametrize(
    ("now", "message"),
    [
        (["a", "c", "d"], r"4 then, 3 now, b is gone"),
        (["a", "x", "b", "c", "d"], r"4 then, 5 now, x is new"),
        (["a", "B", "c", "d"], r"4 then, 4 now, b is gone"),
        (["a", "c", "b", "d"], r"4 then, 4 now, in another order from b on"),
        (["a", "b", "c", "d", "d"], r"4 then, 5 now, in another order from d on"),
        ([], r"4 then, 0 now, a is gone"),
    ],
)
def test_other_training_images_are_refused_and_the_first_is_named(
    now: list[str], message: str
) -> None:
    saved = {"train": ["a", "b", "c", "d"], "val": ["v"]}
    check_images(saved, saved, name="state.pt")
    with pytest.raises(InputError, match=rf"^state.pt: .*: {message}; .*--name"):
        check_images(saved, {"train": now, "val": ["v"]}, name="state.pt")


def test_other_validation_images_are_told_of(caplog: pytest.LogCaptureFixture) -> None:
    saved = {"train": ["a"], "val": ["v", "w"]}
    check_images(saved, saved, name="state.pt")
    assert not caplog.records
    check_images(saved, {"train": ["a"], "val": ["v"]}, name="state.pt")
    (line,) = [record.getMessage() for record in caplog.records]
    assert line.startswith("state.pt: ") and "2 then, 1 now, w is gone" in line


def on_disk(folder: Path, **train_settings: object) -> Config:
    config = tiny(folder, **train_settings)
    own = replace(load_preset("nuclei").data, root=folder / "data", val_limit=1)
    return replace(config, data=replace(own, workers=0, augmentation=config.data.augmentation))


@pytest.mark.usefixtures("fresh_accelerator")
def test_a_run_is_not_continued_on_other_images(tmp_path: Path) -> None:
    """An image taken out of the labels between the halves of a run; back, and it goes on. A state
    from before images were kept goes on whatever they are."""
    labels = coco_folder(tmp_path / "data", images=8) / "instances_train.json"
    truth = json.loads(labels.read_text())
    train(on_disk(tmp_path, epochs=1, batch_size=2))
    later = replace(on_disk(tmp_path, epochs=2, batch_size=2), resume=True)
    name = truth["images"][2]["file_name"]
    left = {key: [*truth[key][:2], *truth[key][3:]] for key in ("images", "annotations")}
    labels.write_text(json.dumps({**truth, **left}))
    state_path = tmp_path / "synthetic/last/state.pt"
    with pytest.raises(InputError, match=rf"state.pt: .* 8 then, 7 now, {name} is gone"):
        train(later)
    state = load_state(state_path)
    labels.write_text(json.dumps(truth))
    assert train(later)
    del state["images"], state["version"]
    save_state(state_path, state)
    assert train(replace(later, data=replace(later.data, val_limit=2)))


@pytest.mark.parametrize("split", ["train", "val"])
def test_names_of_all_images_are_those_of_the_samples(split: str, tmp_path: Path) -> None:
    coco_folder(tmp_path / "data", images=8)
    datasets: list[InstanceDataset] = [
        build_dataset(tiny(tmp_path), split),
        build_dataset(on_disk(tmp_path), split),
    ]
    for dataset in datasets:
        assert dataset.image_names == tuple(dataset[k].name for k in range(len(dataset)))


def test_what_weights_brought_comes_back_with_the_run(tmp_path: Path) -> None:
    """DLA-34's ImageNet weights, which the preset asks for, went when nano's came; continued, the
    run has neither again, in one step: nano and ImageNet's are refused together."""
    config = parsed("coco", "--model.weights", "bundled", "--model.backbone-weights", "imagenet")
    began = adopt(config, read_start_weights(Path("bundled")), config.auto)
    assert began.model.architecture == "nano"
    path = tmp_path / "config.json"
    path.write_text(json.dumps(began.to_dict()))
    again = keep_choices(config, path)
    assert isinstance(again.model, ModelConfig) and again.model.architecture == "nano"
    assert again.model.backbone_weights is None and again.data.targets.vertices == 64
    check_settings(fixed_settings(replace(began, auto=())), again, name="state.pt")
