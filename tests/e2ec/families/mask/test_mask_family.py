"""The presets of the family go through the commands: train, resume, test, demo, refine."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torchvision", reason="the mask family needs torchvision: make mask")

import torch
from front_doors import Ending, assert_one_line_error, call, write_picture
from stopped_run import assert_same_weights, stop_after

import e2ec
from dataset.synthetic.dataset import SyntheticDataset
from e2ec.config import Config
from e2ec.families.mask.family import MASK
from e2ec.named_settings import with_settings
from e2ec.presets import load_preset

TINY = [
    "--device", "cpu", "--data.format", "synthetic", "--data.synthetic-train", "4",
    "--data.synthetic-val", "2", "--data.workers", "0",
    "--data.augmentation.short-sides", "64", "64", "--data.augmentation.longest", "96",
    "--data.view.size", "64", "96", "--eval.iou-types", "segm", "--eval.max-detections", "5",
    "--eval.protocol", "coco",
]  # fmt: skip
NETWORK = [
    "--model.weights", "None", "--model.architecture", "resnet18",
    "--model.normalization", "batch", "--model.trainable-layers", "5",
    "--model.anchor-sizes", "8", "16", "32", "64", "128", "--model.proposals", "20",
    "--model.samples", "16", "--optim.warmup-steps", "0", "--optim.lr", "1e-3",
    "--train.epochs", "2", "--train.batch-size", "2", "--train.eval-every", "2",
]  # fmt: skip
HEADS = {
    "mask_rcnn": {"mask"},
    "mask_scoring_rcnn": {"mask", "mask_iou"},
    "bmask_rcnn": {"mask", "boundary"},
    "seanet": {"mask", "edge", "box_iou"},
}
COMMON = {"objectness", "rpn_box", "class", "box", "total"}


def train(preset: str, out: Path, *options: object) -> Ending:
    return call("train.py", preset, *TINY, *NETWORK, "--out", out, *options)


def losses_of(run: Path) -> dict[str, float]:
    return json.loads((run / "metrics.json").read_text())["history"][-1]["losses"]


@pytest.mark.parametrize("preset", HEADS)
def test_a_preset_trains_is_measured_and_finds(preset: str, tmp_path: Path) -> None:
    ending = train(preset, tmp_path)
    assert ending.status == 0, ending
    run = tmp_path / preset
    assert set(losses_of(run)) == COMMON | HEADS[preset]
    weights = run / "weights.safetensors"
    # What the network is comes from the file, whatever the preset says.
    tested = call("test.py", preset, *TINY, "--weights", weights, "--out", tmp_path / "test")
    assert tested.status == 0, tested
    assert "segm/AP" in json.loads((tmp_path / "test" / "metrics.json").read_text())["metrics"]
    picture = write_picture(tmp_path / "a.png")
    found = e2ec.load_model(weights, device="cpu").predict(picture, score_threshold=0.0)
    assert (found.height, found.width) == (48, 80)


@pytest.fixture(scope="module")
def sharp(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("sharp")
    ending = train(
        "mask_rcnn", out, "--model.sharp.training", "joint", "--loss.contour-weight", "1",
        "--loss.contour.start", "0",
    )  # fmt: skip
    assert ending.status == 0, ending
    return out / "mask_rcnn"


def test_sharp_and_the_contour_loss_learn_beside_the_masks(sharp: Path) -> None:
    assert set(losses_of(sharp)) == COMMON | {"mask", "contour", "sharp"}
    assert losses_of(sharp)["contour"] > 0 and losses_of(sharp)["sharp"] > 0


def test_the_stage_sharp_refines_masks(sharp: Path) -> None:
    model = e2ec.load_model(sharp / "weights.safetensors", device="cpu")
    assert model.stages == ("mask", "sharp")
    image = np.zeros((64, 64, 3), np.uint8)
    mask = np.zeros((1, 64, 64), bool)
    mask[0, 20:40, 20:40] = True
    assert model.refine(image, mask).shape == mask.shape


def test_a_resumed_run_is_one_without_a_break(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert train("bmask_rcnn", tmp_path / "whole").status == 0
    with monkeypatch.context() as patch:
        stop_after(1, patch)
        train("bmask_rcnn", tmp_path / "parts", "--train.save-every", "1")
    ending = train("bmask_rcnn", tmp_path / "parts", "--resume", "auto")
    assert ending.status == 0, ending
    assert_same_weights(tmp_path / "whole" / "bmask_rcnn", tmp_path / "parts" / "bmask_rcnn")


def tiny_config() -> Config:
    config = load_preset("mask_rcnn")
    changes = {
        "model.weights": None, "model.architecture": "resnet18",
        "model.anchor_sizes": (8, 16, 32, 64, 128), "model.proposals": 20, "model.samples": 16,
        "data.augmentation.short_sides": (64, 64), "data.augmentation.longest": 96,
    }  # fmt: skip
    return with_settings(config, changes)


def test_micro_batches_share_a_step_by_their_images() -> None:
    """Means over samples are not sums: a step in two parts is the mean of the parts' losses, each
    exactly that of the part alone."""
    config = tiny_config()
    data = SyntheticDataset(2, seed=0)
    make = MASK.example_maker(config, len(data.class_names))
    examples = [make(data[i], np.random.default_rng(i)) for i in range(2)]
    parts = [MASK.collate([one]) for one in examples]
    torch.manual_seed(0)
    network, loss = MASK.build(config, len(data.class_names)), MASK.loss(config)
    counts = sum(loss.counts(part) for part in parts)

    def losses(part, counts):
        output = MASK.forward(network, MASK.normalize(part.images), part)
        return loss(output, part, counts, epoch=0)

    for part in parts:
        alone, shared = losses(part, loss.counts(part)), losses(part, counts)
        assert all(torch.equal(shared[name] * 2, alone[name]) for name in alone)


def test_what_the_family_cannot_do_it_says(tmp_path: Path) -> None:
    for option, named in (
        (("--model.sharp.training", "alone"), "--model.weights"),
        (("--loss.contour-weight", "1", "--loss.contour.stage", "coarse"), "loss.contour.stage"),
        (("--eval.stage", "sharp"), "stage sharp"),
    ):
        assert_one_line_error(train("mask_rcnn", tmp_path, *option), named)
