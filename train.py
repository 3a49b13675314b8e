"""Train a preset: `python train.py PRESET [--resume [auto]] [--section.field value ...]`."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from e2ec.app.commands.command_line import parse_config, run
from e2ec.app.commands.memory_line import TRAINING_MEMORY

PROFILED_STEPS = 3


def main() -> int:
    config = parse_config(
        with_resume(with_profile(sys.argv[1:])),
        program="train.py",
        purpose="Train a network; results go to runs/<name>. --profile [STEPS] also writes a torch "
        "trace of some steps (--train.profile); --resume auto continues a run, or starts it where "
        "nothing has been saved (--resume-or-start).",
    )
    from e2ec.app.commands.report import report_training

    report = report_training(config)
    from e2ec.engine.train.run import train

    train(config)
    report()
    return 0


def with_profile(arguments: Sequence[str]) -> list[str]:
    """`--profile [STEPS]` as the setting it stands for; STEPS is the next word if it is digits."""
    for index, word in enumerate(arguments):
        name, equals, steps = word.partition("=")
        if name != "--profile":
            continue
        before, after = list(arguments[:index]), list(arguments[index + 1 :])
        if not equals:
            steps = after.pop(0) if after and after[0].isdecimal() else str(PROFILED_STEPS)
        return [*before, *after, "--train.profile", steps]
    return list(arguments)


def with_resume(arguments: Sequence[str]) -> list[str]:
    """`--resume auto` as the setting it stands for."""
    words = list(arguments)
    for index, word in enumerate(words):
        if word == "--resume" and words[index + 1 : index + 2] == ["auto"]:
            words[index : index + 2] = ["--resume-or-start"]
        elif word == "--resume=auto":
            words[index] = "--resume-or-start"
    return words


if __name__ == "__main__":
    sys.exit(run(main, memory=TRAINING_MEMORY))
