"""Segment images or a video: `python demo.py [--weights FILE] [--source ...] [--out DIR]`."""

from __future__ import annotations

import sys

from e2ec.app.commands.command_line import run
from e2ec.app.commands.front_doors import demo_door
from e2ec.app.commands.memory_line import PREDICTION_MEMORY


def main() -> int:
    return demo_door(sys.argv[1:])


if __name__ == "__main__":
    sys.exit(run(main, memory=PREDICTION_MEMORY))
