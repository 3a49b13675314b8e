"""A torch trace of a few training steps, to see what they spend their time on."""

from __future__ import annotations

import logging
import tempfile
from pathlib import Path

import torch
from torch.profiler import ProfilerActivity, profile, schedule

from lib.errors import InputError
from lib.files import atomic_write_bytes

LEFT_OUT = 3
"""The first steps of a process: memory is allocated and kernels are chosen in them."""

logger = logging.getLogger(__name__)


class Profile:
    """Within the `with` block, writes `steps` steps after the first few to folder/trace.json.

    For chrome://tracing or ui.perfetto.dev. A run that is over earlier writes what there is, or
    says that there is nothing; where `steps` is 0 nothing is traced.

    Raises:
        InputError: from `step` or at the end of the block: the file cannot be written.
    """

    def __init__(self, folder: Path, *, steps: int) -> None:
        self.path = folder / "trace.json"
        self._steps = steps
        self._left = LEFT_OUT + steps
        self._profiler: profile | None = None
        if steps:
            activities = [ProfilerActivity.CPU]
            if torch.cuda.is_available():
                activities.append(ProfilerActivity.CUDA)
            self._profiler = profile(
                activities=activities,
                schedule=schedule(wait=LEFT_OUT - 1, warmup=1, active=steps, repeat=1),
                on_trace_ready=self._write,
                record_shapes=True,
            )

    def __enter__(self) -> Profile:
        if self._profiler is not None:
            self._profiler.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._stop()

    def step(self) -> None:
        """A step has been launched."""
        if self._profiler is None:
            return
        self._profiler.step()
        self._left -= 1
        if self._left == 0:
            self._stop()  # it would go on to count steps, which costs time

    def _stop(self) -> None:
        profiler, self._profiler = self._profiler, None
        if profiler is None:
            return
        profiler.stop()
        if self._left >= self._steps:
            logger.warning(
                "%s: not written: the first %d steps are not traced, and no more were made",
                self.path,
                LEFT_OUT,
            )

    def _write(self, profiler: profile) -> None:
        if self._left >= self._steps:
            return  # what follows the steps that are left out is no step
        try:
            with tempfile.TemporaryDirectory() as folder:
                written = Path(folder) / self.path.name
                profiler.export_chrome_trace(str(written))
                trace = written.read_bytes()
        except OSError as error:
            raise InputError(
                f"{self.path}: cannot be written ({error.strerror or error})"
            ) from error
        atomic_write_bytes(self.path, trace)
