"""Evaluate: `python test.py PRESET --weights FILE`, or `--results FILE` of any origin."""

from __future__ import annotations

import sys

from e2ec.app.commands.command_line import parse_evaluation, run
from e2ec.app.commands.memory_line import EVALUATION_MEMORY


def main() -> int:
    config, options = parse_evaluation(sys.argv[1:])
    from e2ec.app.commands.evaluate import evaluate_split

    print(evaluate_split(config, options))
    return 0


if __name__ == "__main__":
    sys.exit(run(main, memory=EVALUATION_MEMORY))
