"""Published checkpoints: both spellings, wrappings, class counts, and files that are none.

The reader is run on a thin network with the published names, so that no test builds 29 M weights;
`test_golden.py` reads the real sizes.
"""

from __future__ import annotations

import pickle
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from harmful_files import WritesFile
from torch import Tensor

from lib.errors import InputError
from network import published
from network.contour.architecture import NANO
from network.contour.e2ec import build_network
from network.published import load_published

THIN = replace(NANO, backbone_channels=(4, 6, 8, 10, 12, 14), deformable=True, refinements=3)
State = dict[str, Tensor]

PREFIXES = {
    "backbone.": "dla.base.",
    "neck.ida_up.": "dla.ida_up.",
    "neck.": "dla.dla_up.",
    "heatmap.": "dla.ct_hm.",
    "offsets.": "dla.wh.",
    "global_deformation.": "train_decoder.refine.",
    "refinement.snakes.0.": "gcn.evolve_gcn.",
    "refinement.snakes.1.": "gcn.evolve_gcn0.",
    "refinement.snakes.2.": "gcn.evolve_gcn1.",
}


@pytest.fixture(autouse=True)
def thin(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(published, "DLA34", THIN)


@pytest.fixture
def ours() -> State:
    torch.manual_seed(0)
    return build_network(num_classes=5, architecture=THIN, vertices=24).state_dict()


@pytest.fixture
def state(ours: State) -> State:
    """The weights under their published names."""
    return {published_name(key): value for key, value in ours.items()}


def published_name(key: str) -> str:
    prefix = next(p for p in PREFIXES if key.startswith(p))
    return PREFIXES[prefix] + key.removeprefix(prefix)


def respelled(state: State) -> State:
    return {k.replace(".conv_offset_mask.", ".conv_offset."): v for k, v in state.items()}


def with_classifier(state: State) -> State:
    return {"dla.base.fc.weight": torch.zeros(9, 14), "dla.base.fc.bias": torch.zeros(9), **state}


def from_data_parallel(state: State) -> State:
    return {f"module.{key}": value for key, value in with_classifier(state).items()}


@pytest.mark.parametrize(
    "change",
    [dict, respelled, with_classifier, from_data_parallel],
    ids=["conv_offset_mask", "conv_offset", "classifier", "module"],
)
@pytest.mark.parametrize(
    "wrap",
    [dict, lambda s: {"net": s, "epoch": 3, "optim": {"state": {}}}, lambda s: {"state_dict": s}],
    ids=["bare", "net", "state_dict"],
)
def test_published_names_become_ours(
    state: State, ours: State, change: Callable[[State], State], wrap: Callable[[State], object]
) -> None:
    network = load_published(wrap(change(state)))
    assert not network.training
    assert network.num_classes == 5 and network.vertices == 24
    assert network.clip == "cells"
    found = network.state_dict()
    assert list(found) == list(ours)
    assert all(torch.equal(found[key], ours[key]) for key in ours)


def test_a_file_is_read(state: State, tmp_path: Path) -> None:
    torch.save({"net": state, "epoch": 139}, tmp_path / "model.pth")
    assert load_published(tmp_path / "model.pth").num_classes == 5
    assert load_published(str(tmp_path / "model.pth")).num_classes == 5


def test_files_without_batch_counters_are_read(state: State) -> None:
    old = {k: v for k, v in state.items() if not k.endswith("num_batches_tracked")}
    assert load_published(old).num_classes == 5


@pytest.mark.parametrize("stored", [torch.float16, torch.float64])
def test_the_network_is_float32_whatever_the_weights_are(state: State, stored: torch.dtype) -> None:
    cast = {k: v.to(stored) if v.is_floating_point() else v for k, v in state.items()}
    network = load_published(cast)
    assert {p.dtype for p in network.parameters()} == {torch.float32}
    network(torch.zeros(1, 3, 32, 32))


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("dla.ct_hm.2.weight", None, "heatmap.2.weight is missing"),
        ("gcn.evolve_gcn.fusion.bias", None, "1 missing, first refinement.snakes.0.fusion.bias"),
        ("gcn.evolve_gcn.fusion.bias", torch.zeros(3), "1 of wrong shape, first refinement"),
        ("dla.ct_hm.2.weight", torch.zeros(5), "heatmap.2.weight"),
        ("dla.ct_hm.2.weight", torch.zeros(0, 64, 1, 1), "heatmap.2"),
        ("dla.wh.2.weight", torch.zeros(0, 64, 1, 1), "offsets.2"),
        ("something.else", torch.zeros(3), "1 unknown, first something.else"),
        ("dla.wh.2.bias", torch.full((48,), float("nan")), "offsets.2.bias"),
        ("dla.wh.2.bias", torch.zeros(48).to_sparse(), "not dense"),
        (7, torch.zeros(3), "no state dict"),
        ("dla.wh.2.bias", "text", "no state dict"),
    ],
)
def test_weights_that_do_not_fit_are_named(
    state: State, key: str, value: Tensor | None, message: str
) -> None:
    if value is None:
        del state[key]
    else:
        state[key] = value
    with pytest.raises(InputError, match=message) as caught:
        load_published({"net": state})
    assert "\n" not in str(caught.value)


def test_checkpoints_of_two_modules_are_read(state: State) -> None:
    """As the paper has them; a file that lacks one in between does not fit."""
    two = {key: value for key, value in state.items() if not key.startswith("gcn.evolve_gcn1.")}
    assert len(load_published(state).refinement.snakes) == 3
    assert len(load_published(two).refinement.snakes) == 2
    gap = {key: value for key, value in state.items() if not key.startswith("gcn.evolve_gcn0.")}
    with pytest.raises(InputError, match=r"missing, first refinement\.snakes\.1\."):
        load_published(gap)


def test_thousands_of_modules_are_refused_before_they_are_built(state: State) -> None:
    many = {f"refinement.snakes.{k}.fusion.bias": torch.zeros(1) for k in range(10_000)}
    with pytest.raises(InputError, match="10000 refinement modules"):
        load_published(state | many)


@pytest.mark.parametrize("content", [{}, [], 3, {"net": {}}, {"net": 3}, {"epoch": 3}])
def test_contents_that_hold_no_weights(content: object, tmp_path: Path) -> None:
    path = tmp_path / "model.pth"
    torch.save(content, path)
    with pytest.raises(InputError, match=r"model\.pth: holds no state dict"):
        load_published(path)


@pytest.mark.parametrize("plain", [True, False], ids=["pickle", "torch"])
def test_code_in_a_checkpoint_does_not_run(plain: bool, tmp_path: Path) -> None:
    path, victim = tmp_path / "model.pth", tmp_path / "victim"
    content = {"net": {"a": torch.zeros(2)}, "epoch": WritesFile(victim)}
    if plain:
        path.write_bytes(pickle.dumps(content))
    else:
        torch.save(content, path)
    with pytest.raises(InputError, match=r"model\.pth: refused") as caught:
        load_published(path)
    assert "\n" not in str(caught.value)
    assert not victim.exists()


@pytest.mark.parametrize(
    "data", [b"", b"PK\x03\x04", b"not a checkpoint", b"\x80\x02}q\x00.", bytes(300)]
)
def test_files_that_are_no_checkpoints(data: bytes, tmp_path: Path) -> None:
    path = tmp_path / "model.pth"
    path.write_bytes(data)
    with pytest.raises(InputError, match=r"model\.pth") as caught:
        load_published(path)
    assert "\n" not in str(caught.value)


def test_missing_files_and_folders(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"none\.pth: cannot be read"):
        load_published(tmp_path / "none.pth")
    with pytest.raises(InputError, match="cannot be read"):
        load_published(tmp_path)


def test_a_checkpoint_cut_short(state: State, tmp_path: Path) -> None:
    path = tmp_path / "model.pth"
    torch.save({"net": state}, path)
    path.write_bytes(path.read_bytes()[:-2000])
    with pytest.raises(InputError, match=r"model\.pth"):
        load_published(path)
