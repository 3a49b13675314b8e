"""Trainings that start from a backbone alone: where its weights are found, and what goes before."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path
from urllib.error import URLError

import pytest
import safetensors.torch
import torch
from front_doors import assert_one_line_error, assert_usage_error, call
from harmful_files import WritesFile
from random_networks import random_network
from torch import Tensor

from e2ec.app.commands.command_line import parse_config
from e2ec.config import Config, ModelConfig, RefinerConfig
from e2ec.engine.data.open_data import build_dataset
from e2ec.engine.train import build
from e2ec.engine.weights.checkpoint import save_weights
from e2ec.families import backbone_weights
from e2ec.families.backbone_weights import FILE, imagenet_file, read_backbone, start_line
from e2ec.families.contour.auto.resolve import resolve
from e2ec.families.contour.auto.start_weights import adopt, read_start_weights
from e2ec.families.contour.card import ContourCard
from e2ec.families.refiner.family import REFINER
from e2ec.named_settings import with_settings
from e2ec.presets import load_preset
from lib.errors import InputError
from network.backbones.dla import DLA
from network.contour.architecture import ARCHITECTURES, NANO

THIN = replace(NANO, backbone_channels=(4, 6, 8, 12, 16, 20), stem_stride=1)


@pytest.fixture(autouse=True)
def thin(monkeypatch: pytest.MonkeyPatch) -> None:
    """dla34 is a thin network here, which is made in no time."""
    monkeypatch.setitem(ARCHITECTURES, "dla34", THIN)


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where torch's hub keeps files; there is no network, and an attempt to use it is noted."""
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path / "hub"))

    def fail(url: str, *arguments: object, **options: object) -> None:
        raise URLError("no network here")

    monkeypatch.setattr(torch.hub, "download_url_to_file", fail)
    folder = tmp_path / "hub" / "checkpoints"
    folder.mkdir(parents=True)
    return folder


def trained() -> dict[str, Tensor]:
    """The state of a backbone whose statistics are not those of a new one."""
    torch.manual_seed(5)
    backbone = DLA(THIN.backbone_channels).train()
    with torch.no_grad():
        backbone(3 * torch.randn(2, 3, 64, 64) + 1)
    return backbone.state_dict()


def config_of(path: Path | None, **settings: object) -> Config:
    return Config(name="x", model=ModelConfig(backbone_weights=path, **settings))  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", ["pth", "safetensors"])
def test_training_starts_from_the_backbone_of_a_file(kind: str, tmp_path: Path) -> None:
    """Every tensor of it, statistics too; all else is as from the seed alone."""
    path, state = tmp_path / f"backbone.{kind}", trained()
    if kind == "pth":
        torch.save({**state, "fc.weight": torch.zeros(3)}, path)
    else:
        safetensors.torch.save_file(state, path)
    found = build.build_model(config_of(path), 3).state_dict()
    plain = build.build_model(config_of(None), 3).state_dict()
    assert {f"backbone.{key}" for key in state} == {k for k in found if k.startswith("backbone.")}
    for key, value in found.items():
        own = key.removeprefix("backbone.")
        assert torch.equal(value, plain[key] if own == key else state[own]), key


def test_a_refiner_starts_from_it_too(tmp_path: Path) -> None:
    path = tmp_path / "backbone.safetensors"
    safetensors.torch.save_file(trained(), path)
    config = Config(name="x", model=RefinerConfig(backbone_weights=path))
    network = build.build_model(config, 3)
    assert REFINER.num_classes(network) == 3
    for key, value in trained().items():
        assert torch.equal(network.backbone.state_dict()[key], value)


def test_imagenet_comes_from_the_cache(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    torch.save(trained(), cache / FILE)
    digest = hashlib.sha256((cache / FILE).read_bytes()).hexdigest()
    monkeypatch.setattr(backbone_weights, "HASH", digest[:8])
    network = build.build_model(config_of(Path("imagenet")), 3)
    assert torch.equal(network.backbone.level1[0].weight, trained()["level1.0.weight"])


def test_a_damaged_file_in_the_cache_is_refused(cache: Path) -> None:
    (cache / FILE).write_bytes(b"not what it was")
    begins = hashlib.sha256(b"not what it was").hexdigest()[:8]
    with pytest.raises(
        InputError, match=f"its SHA-256 begins with {begins}, not ba72cf86"
    ) as error:
        imagenet_file()
    assert str(cache / FILE) in str(error.value) and "\n" not in str(error.value)


def test_it_is_fetched_once_and_checked(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second address is asked where the first gives another file."""
    asked = []

    def fetch(url: str, place: str, hash_prefix: str, progress: bool) -> None:
        asked.append((url, hash_prefix, progress))
        if len(asked) == 1:
            raise RuntimeError("invalid hash value")
        Path(place).write_bytes(b"weights")

    monkeypatch.setattr(torch.hub, "download_url_to_file", fetch)
    monkeypatch.setattr(backbone_weights, "HASH", hashlib.sha256(b"weights").hexdigest()[:8])
    for _ in range(2):
        assert imagenet_file() == cache / FILE
    assert [url for url, *_ in asked] == list(backbone_weights.ADDRESSES)
    assert all(prefix == backbone_weights.HASH and shown for _, prefix, shown in asked)


def test_without_a_network_one_line_says_how_to_go_on(cache: Path, tmp_path: Path) -> None:
    data = ("--data.format", "synthetic", "--data.synthetic-train", 8, "--data.workers", 0)
    rest = ("--train.batch-size", 4, "--device", "cpu", "--out", tmp_path)
    ending = call("train.py", "coco", *data, *rest)
    assert_one_line_error(
        ending, "cannot be fetched (no network here)", "--model.backbone-weights none", str(cache)
    )


@pytest.mark.parametrize("preset", ["coco", "sbd", "kins", "cityscapes"])
def test_presets_of_published_protocols_ask_for_imagenet(preset: str) -> None:
    assert load_preset(preset).model.backbone_weights == Path("imagenet")
    words = [preset, "--model.backbone-weights", "none"]
    config = parse_config(words, program="train.py", purpose="")
    assert isinstance(config.model, ModelConfig) and config.model.backbone_weights is None


def test_nano_refuses_it() -> None:
    with pytest.raises(
        ValueError, match=r"are of dla34, and nano .* --model.backbone-weights none"
    ):
        ModelConfig(architecture="nano", backbone_weights=Path("imagenet"))
    ending = call("train.py", "synthetic", "--model.backbone-weights", "imagenet")
    assert_usage_error(ending, "are of dla34")


def test_weights_of_the_whole_network_win(
    cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A line says so, and nothing is fetched: there is no network here."""
    path = tmp_path / "whole.safetensors"
    card = ContourCard("dla34", class_names=("a", "b", "c"), category_ids=(1, 2, 3))
    source = random_network(THIN, vertices=128)
    save_weights(path, source, card)
    config = config_of(Path("imagenet"), weights=path)
    (line,) = start_line(config)
    assert "--model.backbone-weights imagenet is left aside" in line
    chosen, lines = resolve(config, [])  # type: ignore[arg-type]
    assert line in lines and chosen.model.weights == path
    network = build.build_model(chosen, 3)
    assert torch.equal(network.backbone.level1[0].weight, source.backbone.level1[0].weight)


def test_bundled_weights_bring_nano_in_place_of_dla34(cache: Path) -> None:
    """Where the architecture is left to the weights, the preset's imagenet goes with it."""
    words = ["coco", "--model.weights", "bundled"]
    config = parse_config(words, program="train.py", purpose="")
    weights = read_start_weights(Path("bundled"))
    chosen = adopt(config, weights, ("model.architecture", "data.targets.vertices"))
    assert chosen.model.architecture == "nano"


def test_a_run_that_continues_fetches_nothing(cache: Path, tmp_path: Path) -> None:
    config = replace(config_of(Path("imagenet")), out=tmp_path)
    build.build_model(replace(config, resume=True), 3)
    with pytest.raises(InputError, match="no network here"):
        build.build_model(replace(config, resume_or_start=True), 3)
    (tmp_path / "x" / "last").mkdir(parents=True)
    (tmp_path / "x" / "last" / "state.pt").touch()
    build.build_model(replace(config, resume_or_start=True), 3)


def test_unusable_files_end_in_one_line(tmp_path: Path) -> None:
    harmful, mark = tmp_path / "harmful.pth", tmp_path / "mark"
    torch.save({"level0": WritesFile(mark)}, harmful)
    listed, damaged = tmp_path / "list.pth", tmp_path / "damaged.safetensors"
    torch.save([torch.ones(1)], listed)
    damaged.write_bytes(b"nothing")
    cases = {
        tmp_path / "missing.pth": "not found",
        harmful: "refused",
        listed: "holds no tensors by name",
        damaged: "not a safetensors file",
    }
    for path, problem in cases.items():
        with pytest.raises(InputError, match=problem) as error:
            read_backbone(path)
        assert str(error.value).startswith(f"{path}: ") and "\n" not in str(error.value)
    assert not mark.exists()


def test_the_card_names_no_folder(tmp_path: Path) -> None:
    path = tmp_path / "secret" / "backbone.pth"
    config = with_settings(config_of(path), {"data.format": "synthetic"})
    card = build.build_card(config, build_dataset(config, "train"))
    assert card.settings["model"]["backbone_weights"] == "backbone.pth"
    assert "secret" not in str(card.settings)
