"""Train a preset: `python train.py PRESET [--profile [STEPS]] [--section.field value ...]`."""

from __future__ import annotations

import argparse
import sys

from e2ec.app.command_line import parse_config, run

PROFILED_STEPS = 3


def main() -> int:
    own = argparse.ArgumentParser(prog="train.py", add_help=False, allow_abbrev=False)
    own.add_argument("--profile", nargs="?", type=int, const=PROFILED_STEPS)
    options, arguments = own.parse_known_args()
    if options.profile is not None:
        arguments += ["--train.profile", str(options.profile)]
    config = parse_config(
        arguments,
        program="train.py",
        purpose="Train a network; results go to runs/<name>. --profile [STEPS] also writes a torch "
        "trace of some steps (--train.profile).",
    )
    from e2ec.engine.train import train

    train(config)
    return 0


if __name__ == "__main__":
    sys.exit(run(main))
