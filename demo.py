"""Segment images or a video: `python demo.py [--weights FILE] [--source ...] [--out DIR]`."""

from __future__ import annotations

import sys

from e2ec.app.commands.command_line import run
from e2ec.app.commands.demo_options import parse_demo
from e2ec.app.commands.memory_line import PREDICTION_MEMORY


def main() -> int:
    options = parse_demo(sys.argv[1:])
    from e2ec.app.commands.demo import demo

    demo(options)
    return 0


if __name__ == "__main__":
    sys.exit(run(main, memory=PREDICTION_MEMORY))
