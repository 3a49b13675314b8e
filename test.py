"""Evaluate: `python test.py PRESET --weights FILE`, or `--results FILE` of any origin."""

from __future__ import annotations

import sys

from e2ec.app.commands.command_line import run
from e2ec.app.commands.front_doors import test_door
from e2ec.app.commands.memory_line import EVALUATION_MEMORY


def main() -> int:
    return test_door(sys.argv[1:])


if __name__ == "__main__":
    sys.exit(run(main, memory=EVALUATION_MEMORY))
