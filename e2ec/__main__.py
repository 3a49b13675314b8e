"""The commands beside training, testing and demonstration: `python -m e2ec COMMAND ...`.

What does the work is imported once the options are read: help and usage errors do not wait for it.
"""

from __future__ import annotations

import sys
from collections.abc import Callable

from e2ec.app.commands.command_line import run
from e2ec.app.commands.options import parse_options, usage_error
from e2ec.app.commands.report_options import report_command
from lib.nearest import nearest


def main() -> int:
    """Call the command that the first argument names."""
    arguments = sys.argv[1:]
    if not arguments or arguments[0] in ("-h", "--help"):
        print("usage: python -m e2ec COMMAND ...\n\ncommands:")
        for name, (purpose, _) in _COMMANDS.items():
            print(f"  {name:<9}{purpose}")
        print("\n`python -m e2ec COMMAND --help` lists the options of a command.")
        return 0 if arguments else 2
    if arguments[0] not in _COMMANDS:
        usage_error(f"no command {arguments[0]!r}; {nearest(arguments[0], _COMMANDS)}")
    _, command = _COMMANDS[arguments[0]]
    return command(arguments[1:])


def _bench(arguments: list[str]) -> int:
    studies = ("ablation",)
    if not arguments or arguments[0] in ("-h", "--help"):
        print(
            f"usage: python -m e2ec bench STUDY ...\n\nstudies: {', '.join(studies)}\n\n"
            "Speed beside others' is measured by `python -m e2ec.bench`."
        )
        return 0 if arguments else 2
    if arguments[0] not in studies:
        usage_error(f"no study {arguments[0]!r}; {nearest(arguments[0], studies)}")
    from e2ec.bench.studies.ablation_options import AblationOptions

    options = parse_options(AblationOptions, arguments[1:], "python -m e2ec bench ablation")
    from e2ec.bench.studies.ablation import ablation

    print(ablation(options))
    return 0


def _card(arguments: list[str]) -> int:
    from e2ec.app.commands.card_options import CardOptions

    options = parse_options(CardOptions, arguments, "python -m e2ec card")
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

    options = parse_options(ConvertOptions, arguments, "python -m e2ec convert")
    from e2ec.app.commands.convert import convert

    print(convert(options))
    return 0


def _refine(arguments: list[str]) -> int:
    from e2ec.app.commands.refine_options import RefineOptions

    options = parse_options(RefineOptions, arguments, "python -m e2ec refine")
    from e2ec.app.commands.refine import refine

    print(refine(options))
    return 0


_COMMANDS: dict[str, tuple[str, Callable[[list[str]], int]]] = {
    "bench": ("train and compare ways of training", _bench),
    "card": ("show and change what a weights file says of itself", _card),
    "check": ("find what is wrong with images and labels before training", _check),
    "convert": ("convert labels from one format to another", _convert),
    "refine": ("move the masks of anybody's results to the boundaries in the images", _refine),
    "report": ("one HTML file of an evaluation or a training run, or of two", report_command),
}


if __name__ == "__main__":
    sys.exit(run(main))
