"""Training, testing and demonstration from their words: `train.py` and `e2ec train` alike.

What does the work is imported once the options are read: help and usage errors do not wait for it.
"""

from __future__ import annotations

from collections.abc import Sequence


def train_door(arguments: Sequence[str], program: str = "train.py") -> int:
    """Train a preset; the exit status.

    Args:
        arguments: words behind the program's name.
        program: that name, for help and messages.

    Raises:
        InputError: see `e2ec.app.commands.train.train`.
    """
    from e2ec.app.commands.train_options import parse_train

    config = parse_train(arguments, program)
    from e2ec.app.commands.train import train

    train(config)
    return 0


def test_door(arguments: Sequence[str], program: str = "test.py") -> int:
    """Evaluate weights or results and print the table; as `train_door`.

    Raises:
        InputError: see `e2ec.app.commands.evaluate.evaluate_split`.
    """
    from e2ec.app.commands.command_line import parse_evaluation

    config, options = parse_evaluation(arguments, program)
    from e2ec.app.commands.evaluate import evaluate_split

    print(evaluate_split(config, options))
    return 0


def demo_door(arguments: Sequence[str], program: str = "demo.py") -> int:
    """Segment images or a video and show them; as `train_door`.

    Raises:
        InputError: see `e2ec.app.commands.demo.demo`.
    """
    from e2ec.app.commands.demo_options import parse_demo

    options = parse_demo(arguments, program)
    from e2ec.app.commands.demo import demo

    demo(options)
    return 0
