"""Settings that are left open are chosen; what was given stays; what weights bring is taken."""

from __future__ import annotations

import json
import operator
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from configs.custom import get_config
from dataset.synthetic.dataset import SyntheticDataset
from e2ec.app.commands.typed_options import keep_typed, typed_settings
from e2ec.config import Config
from e2ec.engine.predict.predictor import BUNDLED_WEIGHTS
from e2ec.engine.train.build import build_model
from e2ec.engine.train.resume import fixed_settings, keep_choices
from e2ec.engine.weights.checkpoint import save_weights
from e2ec.families.contour.auto.resolve import resolve
from e2ec.families.contour.card import ContourCard
from e2ec.named_settings import with_settings
from lib.errors import InputError
from network.contour.architecture import NANO
from network.contour.e2ec import build_network

DATA = SyntheticDataset(14, size=(128, 160))


def nano() -> Config:
    return with_settings(get_config(), {"model.architecture": "nano"})


def test_nothing_is_left_open() -> None:
    config, lines = resolve(nano(), DATA)
    assert config.auto == ()
    assert config.data.augmentation.crop_size == (256, 256)
    assert config.data.view.zoom > 1 and config.train.batch_size == 7
    assert config.data.targets.vertices == 64 and config.model.weights == BUNDLED_WEIGHTS
    assert [line.split(":")[0] for line in lines] == ["weights", "scale", "schedule"]
    assert resolve(config, DATA)[0] == config, "what was chosen stays"


def test_settings_of_a_preset_without_open_ones_stay() -> None:
    config = replace(get_config(), auto=())
    assert resolve(config, DATA) == (config, [])


@pytest.mark.parametrize(
    ("words", "name", "value"),
    [
        (["--data.view.mode", "pad", "--data.view.zoom=3"], "data.view.zoom", 3.0),
        (["--train.epochs", "9"], "train.epochs", 9),
        (["--train.batch-size", "3"], "train.batch_size", 3),
        (["--optim.warmup_steps=5"], "optim.warmup_steps", 5),
        (["--optim.lr", "0.5"], "optim.lr", 0.5),
        (["--train.ema-decay", "0"], "train.ema_decay", 0.0),
        (["--train.eval-every", "2"], "train.eval_every", 2),
        (["--loss.matching-start-epoch", "1"], "loss.matching_start_epoch", 1),
        (["--eval.max-detections", "7"], "eval.max_detections", 7),
        (["--data.augmentation.crop-size", "64", "96"], "data.augmentation.crop_size", (64, 96)),
        (
            ["--data.augmentation.scale-range", "0.3", "0.4"],
            "data.augmentation.scale_range",
            (0.3, 0.4),
        ),
    ],
)
def test_what_was_typed_is_not_chosen(words: list[str], name: str, value: object) -> None:
    from e2ec.app.commands.command_line import parse_config

    arguments = ["custom", "--model.architecture", "nano", *words]
    chosen, _ = resolve(parse_config(arguments, program="train.py", purpose=""), DATA)
    assert operator.attrgetter(name)(chosen) == value


def test_names_of_typed_settings() -> None:
    words = ["--data.no-view.x", "1", "--model.no-multi-component", "--optim.lr=2", "--resume"]
    assert typed_settings(words) == {
        "data.no_view.x",
        "model.multi_component",
        "optim.lr",
        "resume",
    }


def test_a_given_view_and_open_scales_agree() -> None:
    config = with_settings(nano(), {"data.view.zoom": 3.0})
    auto = tuple(name for name in config.auto if name != "data.view")
    chosen, _ = resolve(replace(config, auto=auto), DATA)
    low, high = chosen.data.augmentation.scale_range
    assert chosen.data.view.zoom == 3.0 and low < 3 < high


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    """A nano network of 16 vertices and two classes."""
    path = tmp_path / "start.safetensors"
    torch.manual_seed(0)
    network = build_network(num_classes=2, architecture=NANO, vertices=16)
    save_weights(path, network, ContourCard("nano", ("a", "b"), (1, 2)))
    return path


def test_weights_bring_what_belongs_to_them(weights: Path) -> None:
    arguments = ["--model.weights", str(weights)]
    config = with_settings(get_config(), {"model.weights": weights})
    config, lines = resolve(keep_typed(config, arguments), DATA)
    assert config.model.architecture == "nano" and config.data.targets.vertices == 16
    assert str(weights) in lines[0]
    network = build_model(config, num_classes=3)
    assert network.vertices == 16 and network.num_classes == 3


@pytest.mark.parametrize(
    ("typed", "option"),
    [
        ("--data.targets.vertices", "--data.targets.vertices 16"),
        ("--model.architecture", "--model.architecture nano"),
    ],
)
def test_a_conflict_names_the_option(weights: Path, typed: str, option: str) -> None:
    # dla34, 128 vertices
    config = with_settings(get_config(), {"model.weights": weights, "auto": ()})
    arguments = ["--model.weights", str(weights), typed, "x"]
    with pytest.raises(InputError, match=option) as error:
        resolve(keep_typed(config, arguments), DATA)
    assert str(weights) in str(error.value)


def test_bundled_weights_by_their_name() -> None:
    auto = ("model.architecture", "data.targets.vertices")
    config = with_settings(get_config(), {"auto": auto, "model.weights": Path("bundled")})
    chosen, lines = resolve(config, DATA)
    assert chosen.model.weights == BUNDLED_WEIGHTS and chosen.model.architecture == "nano"
    assert "bundled" in lines[0]


def test_random_weights_where_vertices_are_given() -> None:
    """Nobody asked for the bundled weights, so that they do not fit is no error."""
    config = with_settings(nano(), {"data.targets.vertices": 32})
    auto = tuple(name for name in config.auto if name != "data.targets.vertices")
    chosen, _ = resolve(replace(config, auto=auto), DATA)
    assert chosen.model.weights is None and chosen.data.targets.vertices == 32


def test_missing_weights_are_named() -> None:
    config = with_settings(get_config(), {"model.weights": Path("nowhere.safetensors")})
    with pytest.raises(InputError, match=r"nowhere.safetensors.*bundled"):
        resolve(config, DATA)


def test_room_for_all_objects_of_an_image() -> None:
    crowded = SyntheticDataset(1, size=(64, 64))
    assert resolve(nano(), crowded)[0].eval.max_detections == 100


def test_a_continued_run_keeps_what_it_chose(tmp_path: Path) -> None:
    """Labels that were corrected meanwhile, or more epochs, choose nothing anew."""
    chosen, _ = resolve(nano(), DATA)
    path = tmp_path / "config.json"
    path.write_text(json.dumps(chosen.to_dict()))
    arguments = ["--train.epochs", "7"]
    more = keep_typed(with_settings(nano(), {"train.epochs": 7}), arguments)
    kept = keep_choices(more, path)
    assert kept == with_settings(chosen, {"train.epochs": 7})
    assert fixed_settings(kept) == fixed_settings(chosen)


def test_settings_that_are_no_runs_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "config.json"
    path.write_text('{"data": 3}')
    with pytest.raises(InputError, match=r"config.json: not the settings of a run"):
        keep_choices(nano(), path)
    assert keep_choices(nano(), tmp_path / "missing.json") == nano()
