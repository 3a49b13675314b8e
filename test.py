"""Evaluate weights on a preset's validation data: `python test.py PRESET --weights FILE`."""

from __future__ import annotations

import sys

from e2ec.app.command_line import parse_evaluation, run


def main() -> int:
    config, options = parse_evaluation(sys.argv[1:])
    from e2ec.app.evaluate import evaluate_weights

    print(evaluate_weights(config, options))
    return 0


if __name__ == "__main__":
    sys.exit(run(main))
