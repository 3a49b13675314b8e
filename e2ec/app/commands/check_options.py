"""The command line of `python -m e2ec check PRESET|PATH`."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import get_args

from e2ec.app.commands.command_line import misspelt, parse_config, parse_settings
from e2ec.app.commands.options import parse_known_options, parse_options, usage_error
from e2ec.config import Config, LabelFormat
from e2ec.presets import load_preset, preset_names
from lib.errors import InputError

PROGRAM = "python -m e2ec check"
# Settings of a preset that name the data or choose from it: a path does so by itself.
_PRESET_ONLY = (
    *("--data.format", "--data.root", "--data.image-ids"),
    *(f"--data.{s}-{what}" for s in ("train", "val", "test") for what in ("images", "annotations")),
    *("--data.train-limit", "--data.val-limit"),
    *(f"--data.synthetic-{what}" for what in ("train", "val", "occluders")),
)


@dataclass(frozen=True, kw_only=True)
class OwnOptions:
    """What is an option and no setting."""

    images: Path | None = None
    """Folder of the images, for a PATH."""
    format: LabelFormat | None = None
    """Format of a PATH; None finds it out from the files there."""
    out: Path | None = None
    """Folder of the results; None takes runs/check/<name>."""
    show: int = 20
    """Print at most this many problems of a kind."""
    fast: bool = False
    """Read image headers only; damaged pixels go unnoticed."""
    examples: int = 12
    """Draw this many training examples of each split."""

    def __post_init__(self) -> None:
        for name in ("show", "examples"):
            if getattr(self, name) < 0:
                raise ValueError(f"--{name} must be 0 or more, not {getattr(self, name)}")


@dataclass(frozen=True, kw_only=True)
class CheckOptions(OwnOptions):
    """What `check` takes besides settings.

    Attributes:
        target: name of a preset, or a path.
        preset: whether it is a preset.
    """

    out: Path
    target: str
    preset: bool


def parse_check(arguments: Sequence[str]) -> tuple[Config, CheckOptions]:
    """Options and settings; exits with status 2 on a usage error and 0 after `--help`.

    Raises:
        InputError: the target reads like a path, and nothing is there.
    """
    asked = bool({"-h", "--help"} & set(arguments))
    if asked or not arguments or arguments[0].startswith("-"):
        _print_help()
        raise SystemExit(0 if asked else 2)
    target = arguments[0]
    options, rest = parse_known_options(OwnOptions, arguments[1:], PROGRAM)
    preset = target in preset_names() or not _is_path(target)
    _refuse_misplaced(preset, options, rest)
    if preset:
        config = parse_config([target, *rest], program=PROGRAM, purpose="")
        name = config.name
    else:
        name = Path(target).resolve().stem.lstrip(".") or "data"
        default = replace(load_preset("custom"), name=name)
        config = parse_settings(default, rest, f"{PROGRAM} {target}")
    out = options.out or config.out / "check" / name
    return config, CheckOptions(**{**asdict(options), "out": out}, target=target, preset=preset)


def _print_help() -> None:
    description = (
        "Find what is wrong with images and labels before training. PRESET: a name in configs/ "
        f"({', '.join(preset_names())}); PATH: a label file, or a folder in one of the formats "
        f"{', '.join(get_args(LabelFormat))} (./coco for a folder called like a preset). Settings "
        "follow as for train.py, e.g. --data.root; `train.py PRESET --help` lists them. Exit "
        "status 1 if something would stop training."
    )
    with suppress(SystemExit):
        parse_options(OwnOptions, ["-h"], f"{PROGRAM} PRESET|PATH", description=description)


def _refuse_misplaced(preset: bool, options: OwnOptions, settings: Sequence[str]) -> None:
    """Exit with status 2 on what is misspelt, or would change nothing for this kind of target."""
    if near := misspelt(settings, [f"--{field.name}" for field in fields(OwnOptions)]):
        usage_error(near)
    for argument in settings:
        option = argument.split("=")[0].replace("_", "-").replace("--data.no-", "--data.")
        if not preset and option in _PRESET_ONLY:
            usage_error(f"{option} belongs to a preset; the path says where the data is")
    if preset and options.images is not None:
        usage_error("--images belongs to a path; for a preset give --data.train-images")
    if preset and options.format is not None:
        usage_error("--format belongs to a path; for a preset give --data.format")


def _is_path(target: str) -> bool:
    """Whether a target is, or reads like, a path rather than a misspelt preset.

    Raises:
        InputError: it reads like a path, and nothing is there.
    """
    path = Path(target)
    if path.exists():
        return True
    if len(path.parts) > 1 or path.suffix:
        raise InputError(f"{target}: no such file or folder; give a preset or a path")
    return False
