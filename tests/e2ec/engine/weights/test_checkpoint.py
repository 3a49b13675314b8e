"""Weights files and training states: round trips, damage, code, a full disk."""

from __future__ import annotations

import json
import pickle
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, get_args

import pytest
import safetensors.torch
import torch
from harmful_files import WritesFile, full_disk

from dataset.transforms.test_transform import TestView
from e2ec.engine.weights.checkpoint import load_state, load_weights, save_state, save_weights
from e2ec.families.contour.card import ContourCard
from lib.errors import InputError
from network.contour.architecture import NANO
from network.contour.contour_init import Clip
from network.contour.e2ec import E2EC, build_network

CARD = ContourCard(
    architecture="nano",
    class_names=("cell", "Größe"),
    category_ids=(3, 8),
    view=TestView("letterbox", size=(64, 96), zoom=2.0, warp="published"),
    stage="coarse",
    score_threshold=0.25,
    max_detections=500,
    nms_iou=0.7,
    group_parts=False,
    settings={"name": "test", "train": {"epochs": 3}},
)
LONG_SIDE = TestView("long_side", size=(640, 640), zoom=1.5)


@pytest.fixture(scope="module")
def network() -> E2EC:
    torch.manual_seed(0)
    return build_network(num_classes=2, architecture=NANO, vertices=16).eval()


@pytest.fixture(scope="module")
def weights(network: E2EC, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("weights") / "weights.safetensors"
    save_weights(path, network, CARD)
    return path


def rewritten(weights: Path, to: Path, *, leave_out: Sequence[str] = (), **changes: Any) -> Path:
    """A copy of a weights file with other metadata; `card_` changes fields of the card."""
    with safetensors.safe_open(weights, framework="pt") as file:
        metadata = dict(file.metadata())
    tensors = safetensors.torch.load_file(weights)
    fields = {k.removeprefix("card_"): v for k, v in changes.items() if k.startswith("card_")}
    card = json.loads(metadata["card"]) | fields
    metadata["card"] = json.dumps({k: v for k, v in card.items() if k not in leave_out})
    metadata |= {key: value for key, value in changes.items() if not key.startswith("card_")}
    to.write_bytes(safetensors.torch.save(tensors, metadata))
    return to


def test_weights_and_card_come_back(network: E2EC, weights: Path) -> None:
    loaded, card = load_weights(weights)
    assert card == CARD and not loaded.training
    expected = network.state_dict()
    assert all(torch.equal(value, expected[key]) for key, value in loaded.state_dict().items())


@pytest.mark.parametrize(("modules", "part_votes"), [(2, True), (1, False), (4, False)])
def test_votes_and_the_number_of_refinement_modules_come_back(
    modules: int, part_votes: bool, tmp_path: Path
) -> None:
    """Nano has two modules; the weights tell, not the architecture's name."""
    architecture = replace(NANO, refinements=modules)
    network = build_network(
        num_classes=2, architecture=architecture, vertices=16, part_votes=part_votes
    )
    save_weights(tmp_path / "w.safetensors", network, CARD)
    loaded, card = load_weights(tmp_path / "w.safetensors")
    assert len(loaded.refinement.snakes) == modules and not card.group_parts
    assert (loaded.part_votes is not None) is part_votes
    expected = network.state_dict()
    assert all(torch.equal(value, expected[key]) for key, value in loaded.state_dict().items())


def test_files_from_before_part_votes_and_the_clip_are_read(weights: Path, tmp_path: Path) -> None:
    """They were trained here: on labels that reach the image's edge."""
    path = tmp_path / "old.safetensors"
    network, card = load_weights(rewritten(weights, path, leave_out=["group_parts", "clip"]))
    assert network.part_votes is None and card == replace(CARD, group_parts=True)
    assert network.clip == card.clip == "edge"


@pytest.mark.parametrize("clip", get_args(Clip))
def test_the_network_clips_as_its_file_says(network: E2EC, clip: Clip, tmp_path: Path) -> None:
    save_weights(tmp_path / "w.safetensors", network, replace(CARD, clip=clip))
    loaded, card = load_weights(tmp_path / "w.safetensors")
    assert loaded.clip == card.clip == clip


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        # From before there was the published warp.
        (
            {"mode": "letterbox", "size": [64, 96], "zoom": 2.0, "multiple": 32},
            replace(CARD.view, warp="exact"),
        ),
        (asdict(LONG_SIDE), LONG_SIDE),
    ],
)
def test_views_come_back(
    written: dict[str, Any], expected: TestView, weights: Path, tmp_path: Path
) -> None:
    path = rewritten(weights, tmp_path / "w.safetensors", card_view=written)
    assert load_weights(path)[1] == replace(CARD, view=expected)


@pytest.mark.parametrize(
    "changes",
    [
        {"format": "pt"},
        {"version": "99"},
        {"card": "{"},
        {"card": "[]"},
        {"card": "[" * 100_000},
        {"card_architecture": "resnet"},
        {"card_architecture": ["nano"]},
        {"card_class_names": ["cell"]},
        {"card_class_names": None},
        {"card_category_ids": [1, "x"]},
        {"card_category_ids": [1, float("inf")]},
        {"card_category_ids": [5, 5]},
        {"card_view": {}},
        {"card_view": {"mode": "sideways", "size": None, "zoom": 1.0, "multiple": 32}},
        {"card_view": {"mode": "fixed", "size": [0, 32], "zoom": 1.0, "multiple": 32}},
        {"card_view": {"mode": "canvas", "size": None, "zoom": float("inf"), "multiple": 32}},
        {"card_view": {**asdict(CARD.view), "warp": "bent"}},
        {"card_view": {**asdict(CARD.view), "warp": ["exact"]}},
        {"card_stage": "last"},
        {"card_score_threshold": "high"},
        {"card_score_threshold": float("nan")},
        {"card_max_detections": -1},
        {"card_nms_iou": 0},
        {"card_group_parts": "no"},
        {"card_clip": "image"},
        {"card_clip": None},
        {"card_settings": 3},
    ],
    ids=lambda changes: str(changes)[:40],
)
def test_a_damaged_description_is_refused(
    changes: dict[str, Any], weights: Path, tmp_path: Path
) -> None:
    path = rewritten(weights, tmp_path / "w.safetensors", **changes)
    with pytest.raises(InputError, match=r"w\.safetensors: ") as caught:
        load_weights(path)
    assert "\n" not in str(caught.value)


def test_another_class_count_than_names(network: E2EC, tmp_path: Path) -> None:
    path = tmp_path / "w.safetensors"
    save_weights(path, network, replace(CARD, class_names=("a",) * 3, category_ids=(1, 2, 3)))
    with pytest.raises(InputError, match="weights for 2 classes, but 3 names"):
        load_weights(path)


def test_another_architecture_than_described(weights: Path, tmp_path: Path) -> None:
    path = rewritten(weights, tmp_path / "w.safetensors", card_architecture="dla34")
    with pytest.raises(InputError, match=r"w\.safetensors: weights do not fit"):
        load_weights(path)


@pytest.mark.parametrize("data", [b"", b"text", b"\xff" * 100, bytes(100), "cut short"])
def test_files_that_are_no_weights(data: bytes | str, weights: Path, tmp_path: Path) -> None:
    path = tmp_path / "w.safetensors"
    path.write_bytes(data if isinstance(data, bytes) else weights.read_bytes()[:-100])
    with pytest.raises(InputError, match=r"w\.safetensors: ") as caught:
        load_weights(path)
    assert "\n" not in str(caught.value)


def test_missing_files_and_folders(tmp_path: Path) -> None:
    for path in (tmp_path / "none.safetensors", tmp_path):
        with pytest.raises(InputError, match="weights not found; train first"):
            load_weights(path)
        with pytest.raises(InputError, match="no training state"):
            load_state(path)


def test_a_state_comes_back(tmp_path: Path) -> None:
    state = {"epoch": 3, "best": 0.5, "list": [{"a": None}], "tensor": torch.arange(3)}
    save_state(tmp_path / "state.pt", state)
    loaded = load_state(tmp_path / "state.pt")
    assert torch.equal(loaded.pop("tensor"), state.pop("tensor"))
    assert {key: loaded[key] for key in state} == state


@pytest.mark.parametrize("plain", [True, False], ids=["pickle", "torch"])
def test_code_in_a_state_does_not_run(plain: bool, tmp_path: Path) -> None:
    path, victim = tmp_path / "state.pt", tmp_path / "victim"
    if plain:
        path.write_bytes(pickle.dumps({"version": 1, "x": WritesFile(victim)}))
    else:
        torch.save({"version": 1, "x": WritesFile(victim)}, path)
    with pytest.raises(InputError, match=r"state\.pt: refused"):
        load_state(path)
    assert not victim.exists()


def test_states_of_other_versions_or_kinds_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "state.pt"
    for content in ({"version": 0}, {"epoch": 3}, [1, 2], None, "text", 3.5, {1: 2}, b"bytes"):
        torch.save(content, path)
        with pytest.raises(InputError, match=r"state\.pt: not a training state"):
            load_state(path)


def test_a_state_cut_short(tmp_path: Path) -> None:
    path = tmp_path / "state.pt"
    save_state(path, {"tensor": torch.zeros(1000)})
    path.write_bytes(path.read_bytes()[:-500])
    with pytest.raises(InputError, match=r"state\.pt: "):
        load_state(path)


@pytest.mark.parametrize("kind", ["weights", "state"])
def test_a_full_disk_leaves_the_previous_file(kind: str, network: E2EC, tmp_path: Path) -> None:
    path = tmp_path / kind

    def save(epoch: int) -> None:
        if kind == "state":
            save_state(path, {"epoch": epoch, "network": network.state_dict()})
        else:
            save_weights(path, network, replace(CARD, settings={"epoch": epoch}))

    save(1)
    before = path.read_bytes()
    with full_disk(100_000), pytest.raises(InputError, match=f"{kind}: cannot be written"):
        save(2)
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == [kind]  # no half-written leftovers
    save(2)
    assert path.read_bytes() != before
