"""`python -m e2ec card`: what is shown, what can be changed, and that the weights stay."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from pathlib import Path

import pytest
import torch
from front_doors import Ending, assert_one_line_error, assert_usage_error, call
from safetensors.torch import load_file

from dataset.transforms.test_transform import TestView
from e2ec.engine.predict.predictor import load_model
from e2ec.engine.weights.card_edit import edit_card, flat_card
from e2ec.engine.weights.checkpoint import load_weights, save_weights
from e2ec.families.contour.card import ContourCard
from lib.errors import InputError
from network import published
from network.contour.architecture import NANO
from network.contour.e2ec import build_network

pytestmark = pytest.mark.usefixtures("elsewhere")
CARD = ContourCard(
    "nano", ("cell", "rod"), (3, 8), view=TestView("pad", zoom=2.0), settings={"name": "mine"}
)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Half-precision weights: an edit must not widen them."""
    network = build_network(num_classes=2, architecture=NANO, vertices=16)
    save_weights(tmp_path / "a.safetensors", network, CARD, dtype=torch.float16)
    return tmp_path / "a.safetensors"


def command(*arguments: object) -> Ending:
    return call("e2ec/__main__.py", "card", *arguments)


def tensors(path: Path) -> dict[str, tuple[torch.dtype, bytes]]:
    return {
        key: (value.dtype, value.reshape(-1).view(torch.uint8).numpy().tobytes())
        for key, value in load_file(path).items()
    }


def test_what_is_shown(file: Path) -> None:
    ending = command(file)
    assert ending.status == 0, ending
    shown = dict(line.split(None, 1) for line in ending.out.splitlines())
    assert shown["architecture"] == "nano" and shown["class_names"] == "cell, rod"
    assert shown["vertices"].startswith("16") and shown["view.mode"] == "pad"
    assert shown["view.zoom"] == "2" and shown["stage"] == "final-dml"
    assert shown["trained"].split() == ["as", "mine"]
    network, _ = load_weights(file)
    assert shown["parameters"] == f"{sum(p.numel() for p in network.parameters()):,}"
    assert set(flat_card(CARD)) <= set(shown)


def test_all_of_it_as_json(file: Path) -> None:
    shown = json.loads(command(file, "--json").out)
    assert shown == json.loads(json.dumps(asdict(CARD)))


def test_a_changed_copy_keeps_the_weights_bit_by_bit(file: Path) -> None:
    before = file.read_bytes()
    ending = command(file, "--set", "view.zoom=1.5", "class_names.1=bar", "--out", "b.safetensors")
    assert ending.status == 0 and "1.5" in ending.out and "cell, bar" in ending.out
    assert file.read_bytes() == before
    changed = load_model("b.safetensors", device="cpu").card
    view = TestView("pad", zoom=1.5)
    assert changed == replace(CARD, class_names=("cell", "bar"), view=view)
    assert tensors(Path("b.safetensors")) == tensors(file)
    assert {dtype for dtype, _ in tensors(file).values()} == {torch.float16, torch.int64}


def test_a_change_in_place(file: Path) -> None:
    before = tensors(file)
    assert command(file, "--set", "stage=coarse", "--in-place").status == 0
    assert load_weights(file)[1] == replace(CARD, stage="coarse")
    assert tensors(file) == before
    assert [path.name for path in Path.cwd().iterdir()] == ["a.safetensors"]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        (["view.zoom=3"], {"view": TestView("pad", zoom=3.0)}),
        (
            ["view.mode=letterbox", "view.size=64, 96"],
            {"view": TestView("letterbox", size=(64, 96), zoom=2.0)},
        ),
        (["view.size=[64, 96]"], {"view": TestView("pad", size=(64, 96), zoom=2.0)}),
        (["view.size=none"], {}),
        (["class-names=a,b"], {"class_names": ("a", "b")}),
        (['class_names=["a, b", "c"]'], {"class_names": ("a, b", "c")}),
        (["class_names.0=a=b"], {"class_names": ("a=b", "rod")}),
        (["category_ids=8,3"], {"category_ids": (8, 3)}),
        (["category_ids.0=8", "category_ids.1=3"], {"category_ids": (8, 3)}),
        (["group_parts=false"], {"group_parts": False}),
        (
            ["score_threshold=0.2", "max_detections=7"],
            {"score_threshold": 0.2, "max_detections": 7},
        ),
        (["settings.name=yours"], {"settings": {"name": "yours"}}),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_changes(changes: list[str], expected: dict[str, object]) -> None:
    assert edit_card(CARD, changes) == replace(CARD, **expected)


def test_every_field_can_be_set_to_what_it_is() -> None:
    """Whatever fields a card has: each is found by its name and read by its type."""
    changes = []
    for name, value in flat_card(CARD).items():
        text = ",".join(map(str, value)) if isinstance(value, tuple) else str(value)
        changes.append(f"{name}={text}")
    assert len(changes) >= 12
    assert edit_card(CARD, changes) == CARD


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ("view.zom=2", "'zom' is unknown; did you mean 'zoom'"),
        ("stagee=init", "did you mean 'stage'"),
        ("stage=coarze", "did you mean 'coarse'"),
        ("view.zoom=two", "'two' is not a number"),
        ("view.zoom=nan", "not finite"),
        ("view.zoom=1000", "zoom"),
        ("view.mode=sideways", "there are canvas, pad, long_side, short_side, letterbox, fixed"),
        ("view.mode=fixed", "needs a size"),
        ("view.size=64", "needs 2 values, not 1"),
        ("view.multiple=1.5", "not a whole number"),
        ("view=pad", "name one of them"),
        ("settings={}", "name one of them"),
        ("settings.nam=x", "did you mean 'name'"),
        ("class_names.2=x", "list of 2, counted from 0"),
        ("class_names.x=x", "no position"),
        ("class_names.0.0=x", "has no fields"),
        ("class_names=a", "every class needs a name"),
        ("category_ids=3,3", "category id of its own"),
        ("group_parts=maybe", "true, false"),
        ("score_threshold=2", "score_threshold must lie in"),
        ("architecture=vgg", "vgg"),
        ("zoom", "NAME=VALUE"),
        ("=2", "NAME=VALUE"),
    ],
)
def test_changes_that_cannot_be(change: str, words: str) -> None:
    with pytest.raises(InputError, match=words) as raised:
        edit_card(CARD, [change])
    assert change in str(raised.value)


def test_what_the_weights_do_not_allow(file: Path) -> None:
    base = [file, "--out", "b.safetensors", "--set"]
    assert_one_line_error(command(*base, "architecture=dla34"), file, "architecture")
    ending = command(*base, "class_names=a,b,c", "category_ids=1,2,3")
    assert_one_line_error(ending, file, "2 classes, but 3 names")
    ending = command(file, "--set", "stage=init", "--out", "b.pth")
    assert_one_line_error(ending, "b.pth", ".safetensors")
    assert_one_line_error(command("none.safetensors"), "none.safetensors", "not found")
    assert [path.name for path in Path.cwd().iterdir()] == ["a.safetensors"]


def test_usage(file: Path) -> None:
    assert_usage_error(command(file, "--set", "stage=init"), "--out FILE", "--in-place")
    assert_usage_error(command(file, "--in-place"), "nothing to write")
    both = command(file, "--set", "stage=init", "--in-place", "--out", "b.safetensors")
    assert_usage_error(both, "not allowed with")
    assert command("--help").status == 0
    assert "card" in call("e2ec/__main__.py", "--help").out


def test_a_published_file_says_nothing_of_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    """A thin network with our names stands for one, as in test_published_model.py."""
    thin = replace(NANO, refinements=3)
    monkeypatch.setattr(published, "DLA34", thin)
    monkeypatch.setattr(published, "convert_names", dict)
    network = build_network(num_classes=5, architecture=thin, vertices=16)
    torch.save({"net": network.state_dict()}, "model.pth")
    ending = command("model.pth")
    assert ending.status == 0 and "--preset coco" in ending.out and "dla34" in ending.out
    shown = json.loads(command("model.pth", "--json").out)
    assert (shown["classes"], shown["vertices"]) == (5, 16)
    ending = command("model.pth", "--set", "stage=init", "--out", "b.safetensors")
    assert_one_line_error(ending, "model.pth", "preset")
