"""What a refiner takes over from the weights that it starts from."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import safetensors.torch
import torch
from front_doors import assert_one_line_error, call
from own_data import parsed

from dataset.synthetic.dataset import SyntheticDataset
from e2ec.config import Config
from e2ec.engine.train.build import build_model
from e2ec.engine.weights.checkpoint import save_weights
from e2ec.families.bundled import BUNDLED_WEIGHTS
from e2ec.families.contour.card import ContourCard
from e2ec.families.refiner.card import RefinerCard
from e2ec.families.refiner.family import REFINER
from lib.errors import InputError
from network import published
from network.contour.architecture import ARCHITECTURES, NANO
from network.contour.e2ec import build_network
from network.sharp.refiner import Refiner, build_refiner
from network.sharp.settings import Movement

DATA = SyntheticDataset(4)


def started(*words: object) -> tuple[Refiner, Config, list[str]]:
    config, lines = REFINER.resolve(parsed("refiner", *words), DATA, processes=1)
    network = build_model(config, 3)
    assert isinstance(network, Refiner) and network.training
    return network, config, lines


def taken(network: Refiner, state: dict[str, torch.Tensor]) -> set[str]:
    """The parts of which all parameters are those of a state."""
    own = network.state_dict()
    equal = {key for key in own if key in state and torch.equal(own[key], state[key])}
    return {part for part in ("backbone", "neck", "sharp") if not _of(part, own) - equal}


def _of(part: str, names: dict[str, torch.Tensor]) -> set[str]:
    return {name for name in names if name.startswith(f"{part}.")}


def contour_weights(path: Path, sharp: Movement | None) -> dict[str, torch.Tensor]:
    """Those of an E2EC network of other classes and vertices."""
    torch.manual_seed(7)
    network = build_network(num_classes=2, architecture=NANO, vertices=16, sharp=sharp)
    save_weights(path, network, ContourCard("nano", ("a", "b"), (1, 2)))
    return dict(network.state_dict())


def test_nano_starts_from_the_bundled_weights() -> None:
    network, config, lines = started()
    assert config.model.weights == BUNDLED_WEIGHTS and "bundled" in lines[0]
    parts = taken(network, safetensors.torch.load_file(BUNDLED_WEIGHTS))
    assert {"backbone", "neck"} <= parts
    assert config.eval.stage == "sharp" and not config.auto
    again, _ = REFINER.resolve(config, DATA, processes=1)
    assert again == config, "what was chosen stays"


def test_random_weights_where_it_is_told_so_or_nothing_fits() -> None:
    state = safetensors.torch.load_file(BUNDLED_WEIGHTS)
    assert not taken(started("--model.weights", "None")[0], state)
    assert started("--model.architecture", "dla34")[1].model.weights is None


@pytest.mark.parametrize(
    ("sharp", "parts"),
    [
        (None, {"backbone", "neck"}),
        ("distance", {"backbone", "neck"}),
        ("classify", {"backbone", "neck", "sharp"}),
    ],
)
def test_weights_of_e2ec_give_what_is_the_same(
    sharp: Movement | None, parts: set[str], tmp_path: Path
) -> None:
    path = tmp_path / "e2ec.safetensors"
    state = contour_weights(path, sharp)
    network, _, lines = started("--model.weights", path)
    assert taken(network, state) == parts
    assert str(path) in lines[0]


def test_weights_of_a_refiner_give_all(tmp_path: Path) -> None:
    torch.manual_seed(7)
    source = build_refiner(NANO, movement="classify", num_classes=1)
    path = tmp_path / "refiner.safetensors"
    save_weights(path, source, RefinerCard("nano", ("a",), (1,)))
    network, _, _ = started("--model.weights", path)
    assert taken(network, dict(source.state_dict())) == {"backbone", "neck", "sharp"}


def test_published_weights_are_a_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    thin = replace(NANO, backbone_channels=(4, 6, 8, 10, 12, 14), refinements=3)
    monkeypatch.setattr(published, "DLA34", thin)
    monkeypatch.setitem(ARCHITECTURES, "dla34", thin)
    monkeypatch.setattr(published, "convert_names", dict)
    source = build_network(num_classes=80, architecture=thin, vertices=16)
    torch.save({"net": source.state_dict(), "epoch": 139}, tmp_path / "model.pth")
    options = ("--model.architecture", "dla34", "--model.weights", tmp_path / "model.pth")
    assert taken(started(*options)[0], dict(source.state_dict())) == {"backbone", "neck"}


def test_weights_that_are_no_start_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"is nano, the run's dla34; .*--model.architecture nano"):
        started("--model.architecture", "dla34", "--model.weights", BUNDLED_WEIGHTS)
    with pytest.raises(InputError, match=r"weights not found.*bundled"):
        started("--model.weights", tmp_path / "none.safetensors")
    (tmp_path / "bad.safetensors").write_bytes(b"nothing")
    with pytest.raises(InputError, match=r"bad\.safetensors: not a safetensors weights file"):
        started("--model.weights", tmp_path / "bad.safetensors")


def test_a_detector_does_not_start_from_a_refiner(tmp_path: Path) -> None:
    """It would have nothing of what finds objects."""
    network = build_refiner(NANO, movement="classify", num_classes=3)
    path = tmp_path / "refiner.safetensors"
    save_weights(path, network, RefinerCard("nano", ("a", "b", "c"), (1, 2, 3)))
    ending = call("train.py", "synthetic", "--model.weights", path, "--out", tmp_path)
    assert_one_line_error(ending, path, "'refiner'", "'contour'", "--model.weights")
