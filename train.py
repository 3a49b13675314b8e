"""Train a preset: `python train.py PRESET [--resume [auto]] [--section.field value ...]`."""

from __future__ import annotations

import sys

from e2ec.app.commands.command_line import run
from e2ec.app.commands.front_doors import train_door
from e2ec.app.commands.memory_line import TRAINING_MEMORY
from e2ec.app.commands.train_options import PROFILED_STEPS, with_profile, with_resume

__all__ = ["PROFILED_STEPS", "main", "with_profile", "with_resume"]


def main() -> int:
    return train_door(sys.argv[1:])


if __name__ == "__main__":
    sys.exit(run(main, memory=TRAINING_MEMORY))
