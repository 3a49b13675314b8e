"""Parsing `PRESET --section.field value ...`, and how a front door ends."""

from __future__ import annotations

import difflib
import re
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from tyro.conf import FlagCreatePairsOff

from e2ec.app.commands.memory_line import LESS_MEMORY, memory_line
from e2ec.app.commands.options import parse_known_options, parse_options, usage_error
from e2ec.app.commands.typed_options import keep_typed, typed_settings
from e2ec.config import Config, Split
from e2ec.presets import load_preset, preset_description, preset_names
from e2ec.results.one_line import one_line
from lib.errors import InputError
from lib.memory import is_killed_worker, is_out_of_memory

if TYPE_CHECKING:
    from e2ec.families.family import Family

# File names beyond this are shortened in error messages.
_LONGEST_WORD = 500


@dataclass(frozen=True)
class EvaluationOptions:
    """What `test.py` takes besides the settings of a preset."""

    weights: Path
    """Weights to evaluate (.safetensors, or a published .pth)."""
    results: Path | None
    """COCO results to evaluate in place of weights."""
    split: Split
    """What to evaluate on."""
    out: Path
    """Folder for metrics.json and results.json."""
    preset: str
    """Name of the preset."""
    report: bool = False
    """Write report.html as well."""
    stage_in_out: bool = False
    """The stage that the weights name is to be put behind the folder's name."""


@dataclass(frozen=True)
class _OwnOptions:
    """The words of `test.py` that are no settings."""

    weights: Path | None = None
    results: Path | None = None
    split: Literal["val", "test"] = "val"
    stage: str | None = None
    out: Path | None = None
    report: FlagCreatePairsOff[bool] = False


def parse_config(arguments: Sequence[str], *, program: str, purpose: str) -> Config:
    """The settings of a preset, changed by the options that follow it.

    Exits with status 2 on a usage error (unknown preset or option, wrong type, invalid value)
    and 0 after `--help`.
    """
    usage = f"usage: {program} PRESET [--section.field VALUE ...]\n{purpose}"
    if not arguments or arguments[0] in ("-h", "--help"):
        print(
            f"{usage}\npresets: {', '.join(preset_names())}\n"
            f"`{program} PRESET --help` lists all settings of a preset."
        )
        raise SystemExit(0 if arguments else 2)
    try:
        preset = load_preset(arguments[0])
    except InputError as error:
        usage_error(error)
    description = f"{purpose}\n\n{preset_description(arguments[0])}".strip()
    return parse_settings(preset, arguments[1:], f"{program} {arguments[0]}", description)


def parse_settings(
    default: Config, arguments: Sequence[str], program: str, description: str | None = None
) -> Config:
    """Settings changed by options; ends like `parse_config`."""
    config = parse_options(Config, arguments, program, default=default, description=description)
    config = keep_typed(config, arguments)
    if config.eval.stage is not None:
        from e2ec.families.find_family import family_of  # loads torch

        _check_stage(family_of(config), config.eval.stage)
    return config


def _check_stage(family: Family[Any, Any], stage: str) -> None:
    """Exit with status 2 where no network of a family has a stage of this name."""
    try:
        family.check_stage(stage)
    except ValueError as error:
        usage_error(error)


def parse_evaluation(
    arguments: Sequence[str], program: str = "test.py"
) -> tuple[Config, EvaluationOptions]:
    """`test.py`'s own options, and the preset's settings; ends like `parse_config`."""
    options, rest = parse_known_options(_OwnOptions, arguments, program)
    if near := misspelt(rest, [f"--{field.name}" for field in fields(_OwnOptions)]):
        usage_error(near)
    if options.results is not None and (options.weights or options.stage):
        usage_error("--results are evaluated as they are; leave out --weights and --stage")
    if "stage" in typed_settings(arguments):
        rest += ["--eval.stage", str(options.stage)]
    config = parse_config(
        rest,
        program=program,
        purpose="Evaluate weights: --weights FILE [--stage NAME] (--eval.stage; without: the one "
        "that the weights name), or COCO results of any origin: --results FILE; "
        "[--split val|test] [--out DIR] [--report] (report.html beside the metrics)",
    )
    preset = rest[0]
    run_folder = config.out / config.name
    weights = options.weights or run_folder / "weights.safetensors"
    if options.weights is not None and _is_run_folder(options.weights.parent):
        run_folder = options.weights.parent
    what = "results" if options.results is not None else config.eval.stage
    name = options.split if what is None else f"{options.split}-{what}"
    out = options.out or run_folder / name
    return config, EvaluationOptions(
        weights=weights,
        results=options.results,
        split=options.split,
        out=out,
        preset=preset,
        report=options.report,
        stage_in_out=options.out is None and what is None,
    )


def _is_run_folder(folder: Path) -> bool:
    """Whether a training run wrote its settings there."""
    try:
        return (folder / "config.json").is_file()
    except OSError:  # a name that is too long, for one; loading will say so
        return False


def misspelt(arguments: Sequence[str], options: Iterable[str]) -> str | None:
    """What to say of the first argument that resembles an option; None if no argument does."""
    for argument in arguments:
        # Values may be called like options: `--data.train-images images`.
        if not argument.startswith("-"):
            continue
        near = difflib.get_close_matches(argument.split("=")[0], options, n=1, cutoff=0.8)
        if near:
            return f"unknown option {argument}; did you mean {near[0]}?"
    return None


def run(main: Callable[[], int], *, memory: str = LESS_MEMORY) -> int:
    """Call a front door's body; bad input becomes one line and status 1, and so does a lack of
    memory, of which `memory` says what to lower."""
    try:
        return main()
    except InputError as error:
        print(f"error: {_as_line(error)}", file=sys.stderr)
        return 1
    except BrokenPipeError:
        # The reader of our output has gone, e.g. `test.py ... | head`.
        return 1
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130
    except Exception as error:
        if is_out_of_memory(error) or is_killed_worker(error):
            print(f"error: {memory_line(error, memory)}", file=sys.stderr)
            return 1
        if isinstance(error, OSError):
            # A full disk, a folder that went away: nothing that a traceback would explain.
            name = f"{error.filename}: " if error.filename else ""
            print(f"error: {_as_line(f'{name}{error.strerror or error}')}", file=sys.stderr)
            return 1
        raise


def _as_line(message: object) -> str:
    """A message as one line; a file name in it may hold anything, in any length."""
    text = re.sub(rf"\S{{{_LONGEST_WORD},}}", lambda word: one_line(word[0], 120), str(message))
    return one_line(text, len(text))
