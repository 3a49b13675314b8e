"""Options: what help lists, how a wrong value is answered, and that neither waits for torch."""

from __future__ import annotations

import dataclasses
import json
import re
import subprocess
import sys
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Literal, Union, get_args, get_origin, get_type_hints

import pytest
from front_doors import ROOT, assert_usage_error, call

import configs
from e2ec.app.commands.check_options import OwnOptions
from e2ec.app.commands.command_line import parse_config, parse_evaluation, parse_settings
from e2ec.app.commands.convert_options import ConvertOptions
from e2ec.app.commands.demo_options import DemoOptions
from e2ec.config import BaseModelConfig, Config, MaskConfig, ModelConfig
from network.contour.architecture import ARCHITECTURES

pytestmark = pytest.mark.usefixtures("elsewhere")

# Ends with the statuses of all command lines; what is listed is not there to be imported.
WITHOUT = """
import contextlib, io, json, runpy, sys

class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {"torch", "cv2", "scipy", "shapely", "accelerate", "PIL"}:
            raise AssertionError(f"{sys.argv} loads {name}")

sys.meta_path.insert(0, Refuse())
statuses = {}
for line in json.load(sys.stdin):
    program, *sys.argv[1:] = line.split()
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        try:
            if program.endswith(".py"):
                runpy.run_path(program, run_name="__main__")
            else:
                runpy.run_module(program, run_name="__main__", alter_sys=True)
        except SystemExit as end:
            statuses[line] = end.code
try:
    import torch
except AssertionError:
    print(json.dumps(statuses))
"""
ENDINGS = {
    "train.py --help": 0,
    "train.py": 2,
    "train.py coco --help": 0,
    "train.py cocoo": 2,
    "train.py coco --optim.lrr 1": 2,
    "train.py coco --train.epochs many": 2,
    "train.py coco --train.epochs -1": 2,
    "train.py coco --data.targets.stride 8": 2,
    "test.py --help": 0,
    "test.py nuclei --help": 0,
    "test.py nuclei --wieghts x": 2,
    "demo.py --help": 0,
    "demo.py --view sideways": 2,
    "demo.py --preset cocoo": 2,
    "e2ec --help": 0,
    "e2ec chekc": 2,
    "e2ec card --help": 0,
    "e2ec card x --in-place": 2,
    "e2ec check --help": 0,
    "e2ec check nuclei --show -1": 2,
    "e2ec convert --help": 0,
    "e2ec convert --to cocoo": 2,
    "e2ec.app.shrink --help": 0,
}


def test_help_and_usage_errors_load_neither_torch_nor_opencv() -> None:
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT], input=json.dumps(list(ENDINGS)), cwd=ROOT,
        capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == ENDINGS


def closed_settings(kind: type, prefix: str = "--") -> Iterator[tuple[str, tuple[str, ...]]]:
    """Name and choices of every option that has them."""
    for name, hint in get_type_hints(kind).items():
        inner = [one for one in get_args(hint) if one is not type(None)]
        if get_origin(hint) in (Union, types.UnionType):
            hint = inner[0]
        if get_origin(hint) is tuple:
            hint = get_args(hint)[0]
        if hint is BaseModelConfig:  # of presets of contours
            hint = ModelConfig
        if dataclasses.is_dataclass(hint):
            yield from closed_settings(hint, f"{prefix}{name}.")  # type: ignore[arg-type]
        elif get_origin(hint) is Literal:
            yield (prefix + name).replace("_", "-"), get_args(hint)


@pytest.mark.parametrize(
    ("kind", "arguments", "some"),
    [
        (
            Config,
            ("train.py", "synthetic"),
            {"--data.view.mode", "--data.view.warp", "--data.augmentation.scale-reference",
             "--data.format", "--eval.iou-types", "--train.eval-iou-types"},
        ),
        (DemoOptions, ("demo.py",), {"--view", "--precision"}),
        (OwnOptions, ("e2ec/__main__.py", "check"), {"--format"}),
        (ConvertOptions, ("e2ec/__main__.py", "convert"), {"--to", "--source-format", "--split"}),
    ],
)  # fmt: skip
def test_help_lists_the_choices(kind: type, arguments: tuple[str, ...], some: set[str]) -> None:
    closed = dict(closed_settings(kind))
    assert some <= set(closed)
    shown = re.sub(r"[\s│]+", "", call(*arguments, "--help").out)
    for name, choices in closed.items():
        listed = re.escape(",".join(choices))
        assert re.search(rf"{re.escape(name)}(\{{None\}}\|)?\[?\{{(None,)?{listed}\}}", shown), name


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ("train.py synthetic --data.view.mode letterbix", "did you mean 'letterbox'?"),
        ("train.py synthetic --data.view.mode sideways", "there are canvas, pad, long_side"),
        ("train.py synthetic --data.augmentation.scale-reference nativ", "did you mean 'native'?"),
        ("train.py synthetic --eval.iou-types segm boks", "'boks' is unknown"),
        ("train.py synthetic --train.eval-iou-types boundry", "did you mean 'boundary'?"),
        ("train.py synthetic --eval.stage coarze", "one of init, coarse, refine1"),
        ("test.py synthetic --stage coarze", "one of init, coarse, refine1"),
        ("demo.py --stage coarze", "one of init, coarse, refine1"),
        ("e2ec/__main__.py convert --source a --to labelm --out b", "did you mean 'labelme'?"),
        ("e2ec/__main__.py check nuclei --format yoloo", "did you mean 'yolo'?"),
    ],
)
def test_a_wrong_choice_names_the_nearest(arguments: str, said: str) -> None:
    assert_usage_error(call(*arguments.split()), said)


@pytest.mark.parametrize(
    ("arguments", "evaluated", "trained"),
    [
        ("--eval.iou-types bbox segm", ("bbox", "segm"), ("segm",)),
        ("--eval.iou-types=bbox", ("bbox",), ("segm",)),
        ("--eval.iou-types bbox --eval.iou-types segm", ("segm",), ("segm",)),
        ("--train.eval-iou-types None", ("segm", "bbox", "boundary"), None),
    ],
)
def test_several_choices(
    arguments: str, evaluated: tuple[str, ...], trained: tuple[str, ...] | None
) -> None:
    config = parse_config(["custom", *arguments.split()], program="train.py", purpose="")
    assert (config.eval.iou_types, config.train.eval_iou_types) == (evaluated, trained)


def test_the_stride_may_still_be_named() -> None:
    arguments = ["coco", "--data.targets.stride", "4", "--auto", "data.targets.stride"]
    config = parse_config(arguments, program="train.py", purpose="")
    assert config.data.targets.stride == 4 and config.auto == ("data.targets.stride",)


@pytest.mark.parametrize(
    "arguments",
    [
        "--weights w coco --split test --stage init --out o --eval.per-class --name x",
        "coco --eval.per-class --name x --weights v --weights=w --split=test --stage=init --out=o",
        "--out o --split test coco --name x --weights w --eval.per-class --stage init",
    ],
)
def test_options_of_the_evaluation_may_stand_anywhere(arguments: str) -> None:
    config, options = parse_evaluation(arguments.split())
    assert (config.name, config.eval.stage, config.eval.per_class) == ("x", "init", True)
    assert (options.weights, options.split, options.out) == (Path("w"), "test", Path("o"))
    assert options.preset == "coco" and options.results is None and not options.stage_in_out


def test_the_stage_of_the_weights_may_be_asked_for() -> None:
    config, options = parse_evaluation(["coco", "--eval.stage", "init", "--stage", "None"])
    assert config.eval.stage is None and options.stage_in_out


def test_stages_are_those_of_the_family(monkeypatch: pytest.MonkeyPatch) -> None:
    """`mask` is a stage of the preset `shapes`, and of no contours."""
    presets = str(ROOT / "tests/helpers/tiny_presets")
    monkeypatch.setattr(configs, "__path__", [*configs.__path__, presets])
    assert parse_evaluation(["shapes", "--stage", "mask"])[0].eval.stage == "mask"
    assert_usage_error(call("test.py", "synthetic", "--stage", "mask"), "not 'mask'")


def test_architectures_are_those_of_the_network() -> None:
    assert set(get_args(get_type_hints(ModelConfig)["architecture"])) == set(ARCHITECTURES)


def test_settings_of_detectors_with_masks_are_options() -> None:
    """The fields of the network's settings stand beside the architecture, those of heads below."""
    words = (
        "--model.architecture resnet18 --model.mask-head boundary --model.boundary.size 14 "
        "--model.anchor-sizes 16 32 64 128 256 --model.mask-iou --model.boundary.source pyramid "
        "--model.sharp.training joint --loss.mask.boundary dice --loss.mask.edge-weight 2"
    )
    preset = Config(name="masks", model=MaskConfig())
    config = parse_settings(preset, words.split(), "train.py masks")
    assert isinstance(config.model, MaskConfig)
    network = config.model.network()
    assert (network.backbone, network.mask_head, network.mask_iou) == ("resnet18", "boundary", True)
    assert network.anchor_sizes == (16, 32, 64, 128, 256) and network.boundary.size == 14
    assert network.boundary.source == "pyramid" and config.model.sharp.training == "joint"
    assert config.loss.mask.boundary == "dice" and config.loss.mask.edge_weight == 2
    assert parse_settings(preset, [], "train.py masks") == preset
    with pytest.raises(SystemExit):
        parse_settings(preset, ["--model.attention.fusion", "concat"], "train.py masks")
    ending = call("train.py", "synthetic", "--loss.mask.boundary", "dise")
    assert_usage_error(ending, "did you mean 'dice'?")
    with pytest.raises(SystemExit):
        parse_settings(preset, ["--model.boundary.size", "15"], "train.py masks")
