"""Train a preset: `python train.py PRESET [--section.field value ...]`."""

from __future__ import annotations

import sys

from e2ec.app.command_line import parse_config, run


def main() -> int:
    config = parse_config(
        sys.argv[1:],
        program="train.py",
        purpose="Train a network; results go to runs/<name>.",
    )
    from e2ec.engine.train import train

    train(config)
    return 0


if __name__ == "__main__":
    sys.exit(run(main))
