"""The commands beside training, testing and demonstration: `python -m e2ec COMMAND ...`."""

from __future__ import annotations

import difflib
import sys
from collections.abc import Callable

from e2ec.app.commands.command_line import run

_COMMANDS = {
    "card": "show and change what a weights file says of itself",
    "check": "find what is wrong with images and labels before training",
    "convert": "convert labels from one format to another",
}


def main() -> int:
    """Call the command that the first argument names."""
    arguments = sys.argv[1:]
    if not arguments or arguments[0] in ("-h", "--help"):
        print("usage: python -m e2ec COMMAND ...\n\ncommands:")
        for name, purpose in _COMMANDS.items():
            print(f"  {name:<9}{purpose}")
        print("\n`python -m e2ec COMMAND --help` lists the options of a command.")
        return 0 if arguments else 2
    commands: dict[str, Callable[[list[str]], int]] = {
        "card": _card,
        "check": _check,
        "convert": _convert,
    }
    command = commands.get(arguments[0])
    if command is None:
        near = difflib.get_close_matches(arguments[0], _COMMANDS, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(_COMMANDS)}"
        print(f"error: no command {arguments[0]!r}; {hint}", file=sys.stderr)
        return 2
    return command(arguments[1:])


def _card(arguments: list[str]) -> int:
    from e2ec.app.commands.card import card, parse_card

    print(card(parse_card(arguments)))
    return 0


def _check(arguments: list[str]) -> int:
    from e2ec.app.commands.check import check, parse_check

    text, stopping = check(*parse_check(arguments))
    print(text)
    return 1 if stopping else 0


def _convert(arguments: list[str]) -> int:
    import tyro

    from e2ec.app.commands.convert import ConvertOptions, convert

    print(convert(tyro.cli(ConvertOptions, args=arguments, prog="python -m e2ec convert")))
    return 0


if __name__ == "__main__":
    sys.exit(run(main))
