"""What a run says: a line an evaluation, doubts where it learns nothing, a summary."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dataset.synthetic.dataset import SyntheticDataset
from e2ec.app.commands.command_line import parse_config
from e2ec.config import Config
from e2ec.engine.data.open_data import open_data
from e2ec.engine.train.console import doubts, evaluation_line, image_folder, summary
from e2ec.families.contour.family import CONTOUR
from e2ec.named_settings import with_settings
from e2ec.presets import load_preset
from lib.images import write_image

METRIC = "segm/AP"
FALLING = CONTOUR.falling_losses


def entry(epoch: int, ap: float | None = None, center: float = 1.0, coarse: float = 1.0) -> Any:
    found: dict[str, Any] = {"epoch": epoch, "losses": {"center": center, "coarse": coarse}}
    if ap is not None:
        found["metrics"] = {METRIC: ap, "stage": "refine1"}
    return found


def test_an_evaluation_in_one_line() -> None:
    line = evaluation_line(
        5,
        {METRIC: 0.1234, "stages/init": 0.05, "stages/refine1": 0.1234},
        config=with_settings(Config(name="x"), {"train.epochs": 30}),
        metric=METRIC,
        best=0.2,
        saved=None,
    )
    assert line == (
        "epoch 5/30: segm/AP 12.3 (init 5.0, refine1 12.3); best so far 20.0; not saved"
    )


def test_a_run_that_finds_nothing_says_so() -> None:
    history = [entry(1, 0.0, 1.0), entry(2, 0.0, 0.5)]
    assert doubts(history, METRIC, epochs=10, falling=FALLING) == [], "too early to tell"
    (found,) = doubts(history, METRIC, epochs=4, falling=FALLING)
    assert "still 0 after 2 of 4 epochs" in found and "pictures/" in found and "check" in found
    assert doubts([*history, entry(3, 0.01, 0.4)], METRIC, epochs=4, falling=FALLING) == []


@pytest.mark.parametrize(("now", "silent"), [(1.0, False), (0.98, False), (0.5, True)])
def test_a_loss_that_does_not_fall(now: float, silent: bool) -> None:
    history = [entry(1), entry(2), entry(3, 0.3, now, 1.0)]
    found = doubts(history, METRIC, epochs=3, falling=FALLING)
    assert (found == []) is silent
    assert silent or "--optim.lr" in found[0]


def test_the_summary_has_the_commands_for_what_comes_next(tmp_path: Path) -> None:
    own = {"name": "mine", "out": Path("runs"), "data.root": tmp_path / "my data"}
    config = with_settings(load_preset("custom"), own)
    history = [entry(1, 0.25), entry(2, 0.5), entry(3, 0.4)]
    text = summary(config, history, metric=METRIC, images=tmp_path)
    assert "best: segm/AP 50.0 (refine1) at epoch 2" in text
    assert (
        "python test.py custom --weights runs/mine/weights.safetensors "
        f"--data.root '{tmp_path / 'my data'}'" in text
    )
    assert f"python demo.py --weights runs/mine/weights.safetensors --source {tmp_path}" in text


def test_the_test_command_divides_the_data_as_the_run_did() -> None:
    """Labels that were named, a share, its seed: else it would test on images trained on."""
    own = {
        "data.train_images": Path("pictures"),
        "data.train_annotations": Path("mine.json"),
        "data.image_ids": (3, 5),
        "train.seed": 7,
    }
    config = with_settings(load_preset("custom"), own)
    text = summary(config, [], metric=METRIC, images=None)
    (line,) = (line for line in text.splitlines() if "test.py" in line)
    command = line.partition("test.py ")[2]
    words = shlex.split(command.replace("--weights runs/custom/weights.safetensors", ""))
    parsed = parse_config(words, program="test.py", purpose="")
    assert parsed.data == config.data and parsed.train.seed == 7


def test_the_folder_of_the_demonstration_holds_the_images(tmp_path: Path) -> None:
    """YOLO's images are named from its root, in which there are none."""
    for name in ("images/train/a.png", "images/val/b.png"):
        write_image(tmp_path / name, np.zeros((32, 32, 3), np.uint8))
        label = (tmp_path / name.replace("images", "labels")).with_suffix(".txt")
        label.parent.mkdir(parents=True)
        label.write_text("0 0.1 0.1 0.9 0.1 0.9 0.9\n")
    (tmp_path / "data.yaml").write_text("train: images/train\nval: images/val\nnames: [x]\n")
    data = open_data(with_settings(load_preset("custom"), {"data.root": tmp_path}))
    assert image_folder(data.val) == tmp_path / "images" / "val"
    assert image_folder(SyntheticDataset(1)) is None


def test_a_summary_without_any_evaluation() -> None:
    text = summary(Config(name="x"), [entry(1)], metric=METRIC, images=None)
    assert "best" not in text and "demo.py" in text and "test.py" not in text
