"""The body of `train.py`: a run, and the report of it where the settings ask for one."""

from __future__ import annotations

from e2ec.app.commands.report import report_training
from e2ec.config import Config
from e2ec.engine.train import run


def train(config: Config) -> bool:
    """Train, and write what `train.report` asks for; False if stopped before the end.

    Raises:
        InputError: see `e2ec.engine.train.run.train`; or a report needs a package that is missing,
            which is told before the work.
    """
    report = report_training(config)
    finished = run.train(config)
    report()
    return finished
