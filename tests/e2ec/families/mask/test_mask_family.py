"""The presets of the family go through the commands: train, resume, test, demo, refine."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import jsonschema
import numpy as np
import pytest

pytest.importorskip("torchvision", reason="the mask family needs torchvision: make mask")

import torch
from front_doors import ROOT, Ending, assert_one_line_error, call, write_picture
from mask_case import tiny_config
from safetensors.torch import load_file
from stopped_run import assert_same_weights, stop_after

import e2ec
from dataset.synthetic.dataset import SyntheticDataset
from e2ec.engine.weights.checkpoint import load_state
from e2ec.families.mask.family import MASK
from e2ec.named_settings import with_settings
from lib.errors import InputError

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
    assert (found.height, found.width) == (48, 80) and len(found) > 0


@pytest.fixture(scope="module")
def sharp(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("sharp")
    ending = train(
        "mask_rcnn", out, "--model.sharp.training", "joint", "--loss.contour-weight", "1",
        "--loss.contour.start", "0",
    )  # fmt: skip
    assert ending.status == 0, ending
    return out / "mask_rcnn"


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("trained")
    assert train("bmask_rcnn", out).status == 0
    return out / "bmask_rcnn"


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


def test_sharp_is_trained_alone_on_finished_weights(trained: Path, tmp_path: Path) -> None:
    weights = trained / "weights.safetensors"
    alone = ("--model.weights", weights, "--model.sharp.training", "alone")
    ending = train("bmask_rcnn", tmp_path, *alone)
    assert ending.status == 0, ending
    assert set(losses_of(tmp_path / "bmask_rcnn")) == {"sharp", "total"}
    before = load_file(trained / "last" / "weights.safetensors")
    after = load_file(tmp_path / "bmask_rcnn" / "last" / "weights.safetensors")
    assert all(torch.equal(after[key], value) for key, value in before.items())
    assert {key.split(".")[0] for key in set(after) - set(before)} == {"sharp"}


def test_the_average_of_weights_is_evaluated_and_saved(tmp_path: Path) -> None:
    assert train("bmask_rcnn", tmp_path, "--train.ema-decay", "0.9").status == 0
    state = load_state(tmp_path / "bmask_rcnn" / "last" / "state.pt")["network"]
    averaged = load_file(tmp_path / "bmask_rcnn" / "last" / "weights.safetensors")
    name = "roi_heads.mask_head.boundary_predictor.mask_fcn_logits.weight"
    assert not torch.equal(averaged[name], state[name])


def test_demo_writes_contours_and_pictures(trained: Path, tmp_path: Path) -> None:
    picture = write_picture(tmp_path / "a.png")
    options = ("--source", picture, "--score", "0", "--device", "cpu", "--out", tmp_path / "out")
    ending = call("demo.py", "--weights", trained / "weights.safetensors", *options)
    assert ending.status == 0, ending
    document = json.loads((tmp_path / "out" / "contours.json").read_text())
    schema = json.loads((ROOT / "docs" / "contours.schema.json").read_text())
    jsonschema.validate(document, schema)
    assert len(list((tmp_path / "out").glob("*.png"))) == 1


def test_other_commands_take_the_weights(trained: Path, tmp_path: Path) -> None:
    weights = trained / "weights.safetensors"
    shown = json.loads(call("e2ec/__main__.py", "card", weights, "--json").out)
    assert shown["architecture"] == "resnet18" and shown["network"]["mask_head"] == "boundary"
    place = ("--out", tmp_path / "b.safetensors")
    fewer = call("e2ec/__main__.py", "card", weights, "--set", "network.proposals=10", *place)
    assert fewer.status == 0, fewer
    other = call("e2ec/__main__.py", "card", weights, "--set", "network.mask_head=plain", *place)
    assert_one_line_error(other, weights)


@pytest.mark.parametrize("preset", ["mask_rcnn", "seanet"])
def test_two_processes_give_the_weights_of_one(preset: str, tmp_path: Path) -> None:
    """One process takes the same images in two parts: means are taken within a part."""
    arguments = [
        "train.py", preset, *TINY, *NETWORK, "--train.batch-size", "4", "--out", str(tmp_path),
        "--model.normalization", "frozen", "--train.precision", "fp64",
    ]  # fmt: skip
    launcher = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    for name, prefix, options in (
        ("one", [], ["--train.accumulate", "2"]),
        ("two", launcher, []),
    ):
        command = [sys.executable, *prefix, *arguments, *options, "--name", name]
        done = subprocess.run(
            command, cwd=ROOT, env={**os.environ, "OMP_NUM_THREADS": "1"}, capture_output=True,
            text=True, timeout=300,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr[-3000:]
    one, two = (load_state(tmp_path / name / "last" / "state.pt") for name in ("one", "two"))
    assert one["history"][1]["losses"] == pytest.approx(two["history"][1]["losses"], rel=1e-6)
    for key, value in one["network"].items():
        assert torch.allclose(value.double(), two["network"][key].double(), atol=1e-7), key


def test_nothing_is_found_beyond_the_image(trained: Path) -> None:
    """Images of two sizes share an input; what they show of it is all that counts."""
    model = e2ec.load_model(trained / "weights.safetensors", device="cpu")
    rng = np.random.default_rng(0)
    small, large = (rng.integers(0, 256, (*size, 3), np.uint8) for size in ((40, 90), (64, 96)))
    alone = model.predict(small, score_threshold=0.0)
    together = model.predict([large, small], score_threshold=0.0, batch_size=2)[1]
    assert len(alone) and np.array_equal(alone.to_masks(), together.to_masks())


def test_micro_batches_share_a_step_by_their_images() -> None:
    """Means over samples are not sums: a step in two parts is the mean of the parts' losses, each
    exactly that of the part alone."""
    config = tiny_config("mask_rcnn")
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


@pytest.mark.parametrize(
    "name",
    [
        "augmentation.copy_paste_probability",
        "augmentation.mosaic_probability",
        "targets.ignore_unlearned",
    ],
)
def test_what_only_contours_learn_from_is_refused(name: str) -> None:
    config = with_settings(tiny_config("mask_rcnn"), {f"data.{name}": 1})
    with pytest.raises(InputError, match=f"data.{name}: detectors with masks"):
        MASK.example_maker(config, 3)
