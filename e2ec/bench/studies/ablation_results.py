"""What runs of the ablation found, kept in one small file: runs are large, and machines come and
go."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from e2ec.bench.studies.ablation_table import Found
from lib.errors import InputError
from lib.files import atomic_write_text, read_json


class KeptResults:
    """What was found by stage of every run that has ended, by its name and its options."""

    def __init__(self, path: Path | None) -> None:
        """Read them; None keeps nothing.

        Raises:
            InputError: the file is none of these.
        """
        self.path = path
        self.runs: dict[str, dict[str, Any]] = {}
        if path is None or not path.exists():
            return
        self.runs = read_json(path)
        try:
            for name, run in self.runs.items():
                list(run["options"]), _stages(run), name.encode()
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise InputError(f"{path}: not results of the ablation; name another file") from error

    def get(self, name: str, options: Sequence[str]) -> Found | None:
        """What a run found; None where it is not known.

        Raises:
            InputError: it was made with other options.
        """
        run = self.runs.get(name)
        if run is not None and run["options"] != list(options):
            raise InputError(f"{self.path}: {name} was made with other options; name another file")
        return None if run is None else _stages(run)

    def add(self, name: str, options: Sequence[str], found: Found) -> None:
        """Keep what a run found; the file is written at once, as a whole."""
        if self.path is None:
            return
        stages = {stage: [round(value, 3) for value in values] for stage, values in found.items()}
        self.runs[name] = {"options": list(options), "stages": stages}
        self.runs = dict(sorted(self.runs.items(), key=lambda item: _natural(item[0])))
        # A line a run: it lies well in a repository.
        lines = [f"{json.dumps(name)}: {json.dumps(run)}" for name, run in self.runs.items()]
        atomic_write_text(self.path, "{\n" + ",\n".join(lines) + "\n}\n")


def _stages(run: dict[str, Any]) -> Found:
    found = {stage: tuple(map(float, values)) for stage, values in run["stages"].items()}
    if any(len(values) not in (2, 3) for values in found.values()):
        raise ValueError("two or three numbers a stage")
    return found


def _natural(name: str) -> list[tuple[int, str]]:
    """So that run 10 comes after run 9."""
    return [(int(word), "") if word.isdigit() else (-1, word) for word in re.split(r"(\d+)", name)]
