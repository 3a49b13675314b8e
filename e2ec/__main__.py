"""The command: `e2ec VERB ...`, or `python -m e2ec VERB ...`.

A verb imports what it needs when it is called: the list of verbs loads nothing, and help and usage
errors of a verb do not wait for what does the work.
"""

from __future__ import annotations

import sys
from collections.abc import Callable


def entry() -> int:
    """Call the verb that the first argument names; the exit status.

    0 on success, 2 for a usage error, 1 with one line on standard error for bad input.
    """
    words = sys.argv[1:]
    if not words or words[0] in ("-h", "--help"):
        print(_help())
        return 0 if words else 2
    if words[0] == "--version":
        print(_version())
        return 0
    from e2ec.app.commands.command_line import run
    from e2ec.app.commands.memory_line import LESS_MEMORY, VERB_MEMORY

    return run(main, memory=VERB_MEMORY.get(words[0], LESS_MEMORY))


def main() -> int:
    """As `entry`, for a verb; bad input is raised as an InputError."""
    verb, *arguments = sys.argv[1:]
    if verb not in _COMMANDS:
        from e2ec.app.commands.options import usage_error
        from lib.nearest import nearest

        usage_error(f"no command {verb!r}; {nearest(verb, _COMMANDS)}")
    _, command = _COMMANDS[verb]
    return command(arguments)


def _program(verb: str = "") -> str:
    """How the command was called: help shows it the same way."""
    as_module = sys.argv[0].endswith("__main__.py")
    return f"{'python -m e2ec' if as_module else 'e2ec'} {verb}".rstrip()


def _help() -> str:
    grouped = {name for _, names in _GROUPS for name in names}
    groups = [*_GROUPS, ("more", tuple(name for name in _COMMANDS if name not in grouped))]
    blocks = [f"usage: {_program()} VERB ...\n\nContour-based instance segmentation."]
    for title, names in groups:
        lines = [f"  {name:<9}{_COMMANDS[name][0]}" for name in names if name in _COMMANDS]
        if lines:
            blocks.append("\n".join([f"{title}:", *lines]))
    blocks.append(
        f"`{_program()} VERB --help` lists the options of a verb.\n"
        f"A first try, without any file: {_program('demo')}"
    )
    return "\n\n".join(blocks)


def _version() -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return f"e2ec {version('e2ec')}"
    except PackageNotFoundError:  # a folder of sources
        return "e2ec, not installed"


def _train(arguments: list[str]) -> int:
    from e2ec.app.commands.front_doors import train_door

    return train_door(arguments, _program("train"))


def _test(arguments: list[str]) -> int:
    from e2ec.app.commands.front_doors import test_door

    return test_door(arguments, _program("test"))


def _demo(arguments: list[str]) -> int:
    from e2ec.app.commands.front_doors import demo_door

    return demo_door(arguments, _program("demo"))


def _bench(arguments: list[str]) -> int:
    studies = ("ablation",)
    if not arguments or arguments[0] in ("-h", "--help"):
        print(
            f"usage: {_program('bench')} STUDY ...\n\nstudies: {', '.join(studies)}\n\n"
            "Speed beside others' is measured by `python -m e2ec.bench`."
        )
        return 0 if arguments else 2
    from e2ec.app.commands.options import parse_options, usage_error
    from lib.nearest import nearest

    if arguments[0] not in studies:
        usage_error(f"no study {arguments[0]!r}; {nearest(arguments[0], studies)}")
    from e2ec.bench.studies.ablation_options import AblationOptions

    options = parse_options(AblationOptions, arguments[1:], _program("bench ablation"))
    from e2ec.bench.studies.ablation import ablation

    print(ablation(options))
    return 0


def _card(arguments: list[str]) -> int:
    from e2ec.app.commands.card_options import CardOptions
    from e2ec.app.commands.options import parse_options

    options = parse_options(CardOptions, arguments, _program("card"))
    from e2ec.app.commands.card import card

    print(card(options))
    return 0


def _check(arguments: list[str]) -> int:
    from e2ec.app.commands.check_options import parse_check

    config, options = parse_check(arguments)
    from e2ec.app.commands.check import check

    text, stopping = check(config, options)
    print(text)
    return 1 if stopping else 0


def _convert(arguments: list[str]) -> int:
    from e2ec.app.commands.convert_options import ConvertOptions
    from e2ec.app.commands.options import parse_options

    options = parse_options(ConvertOptions, arguments, _program("convert"))
    from e2ec.app.commands.convert import convert

    print(convert(options))
    return 0


def _predict(arguments: list[str]) -> int:
    from e2ec.app.commands.options import parse_options
    from e2ec.app.commands.predict_options import PredictOptions

    options = parse_options(PredictOptions, arguments, _program("predict"))
    from e2ec.app.commands.predict import predict_command

    print(predict_command(options))
    return 0


def _refine(arguments: list[str]) -> int:
    from e2ec.app.commands.options import parse_options
    from e2ec.app.commands.refine_options import RefineOptions

    options = parse_options(RefineOptions, arguments, _program("refine"))
    from e2ec.app.commands.refine import refine

    print(refine(options))
    return 0


def _report(arguments: list[str]) -> int:
    from e2ec.app.commands.report_options import report_command

    return report_command(arguments, _program("report"))


_COMMANDS: dict[str, tuple[str, Callable[[list[str]], int]]] = {
    "bench": ("train and compare ways of training", _bench),
    "card": ("show and change what a weights file says of itself", _card),
    "check": ("find what is wrong with images and labels before training", _check),
    "convert": ("convert labels from one format to another", _convert),
    "demo": ("see it: pictures, a video, a camera, or a page in the browser", _demo),
    "predict": ("outline the objects of many images, in the format you need", _predict),
    "refine": ("move the masks of anybody's results to the boundaries in the images", _refine),
    "report": ("write one page of an evaluation or a training run, or of two", _report),
    "test": ("measure how good weights, or anybody's results, are on labelled images", _test),
    "train": ("train a network on your images, or on a public data set", _train),
}
"""By name: what the verb does, in a line, and what does it."""
_GROUPS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("find objects in images", ("predict", "demo", "refine")),
    ("make a model of your own", ("check", "train", "test", "report", "bench")),
    ("labels and weights as files", ("convert", "card", "export")),
)
"""How help lists them; those that are not here, or not there yet, do no harm."""


if __name__ == "__main__":
    sys.exit(entry())
