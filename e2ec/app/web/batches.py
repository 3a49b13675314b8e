"""One thread owns the network; pictures that arrive together go through it together."""

from __future__ import annotations

import math
import queue
import threading
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np

from e2ec.app.web.limits import Limits
from e2ec.app.web.names import renamed
from e2ec.app.web.refusal import Refusal
from e2ec.app.web.timings import Timings
from e2ec.results.contours import Contours

_STOP_S = 10.0


class Model(Protocol):
    """What of a `Predictor` is used."""

    @property
    def class_names(self) -> tuple[str, ...]: ...

    @property
    def stages(self) -> Sequence[str]: ...

    @property
    def card(self) -> Any: ...

    def predict(
        self, images: Any, *, score_threshold: float | None = None, stage: str | None = None
    ) -> Any: ...


@dataclass
class _Job:
    """A picture (H, W, 3) uint8 RGB that waits, and what is wanted of it."""

    image: np.ndarray
    score: float
    stage: str | None
    source: str | None
    result: Future[Contours] = field(default_factory=Future)
    put: float = field(default_factory=time.perf_counter)


class Batches:
    """A queue of pictures before the network, and the thread that empties it."""

    def __init__(self, model: Model, limits: Limits, timings: Timings) -> None:
        self._model = model
        self._limits = limits
        self._timings = timings
        self._jobs: queue.Queue[_Job | None] = queue.Queue()
        self._lock = threading.Lock()
        self._places = 0
        self._pixels = 0
        self._begun: float | None = None  # the batch that is in the network
        self._thread = threading.Thread(target=self._work, name="network", daemon=True)

    @property
    def waiting(self) -> int:
        """Pictures that are being decoded, wait, or are in the network."""
        with self._lock:
            return self._places

    @property
    def alive(self) -> bool:
        """Whether the thread that owns the network runs, and no batch takes longer than anybody
        waits for an answer."""
        begun = self._begun
        stuck = begun is not None and time.perf_counter() - begun > self._limits.exchange_s
        return self._thread.is_alive() and not stuck

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def close(self) -> None:
        """End the thread after the pictures that wait; one that is stuck is left behind."""
        self._jobs.put(None)
        self._thread.join(_STOP_S)

    def input_pixels(self, height: int, width: int) -> int:
        """Pixels of what the network sees of a picture of this size."""
        shown, _ = self._model.card.view.geometry(height, width)
        return int(shown[0]) * int(shown[1])

    def check_room(self) -> None:
        """Raise the refusal of `place` if it would say no to any picture, before one is read."""
        with self._lock:
            if self._full:
                raise self._refusal()

    @property
    def _full(self) -> bool:
        return self._places >= self._limits.queue

    def _refusal(self) -> Refusal:
        wait = self._places * self._timings.median_s("network", 0.5)
        return Refusal(429, "the queue is full", retry_after_s=max(1, math.ceil(wait)))

    @contextmanager
    def place(self, pixels: int) -> Iterator[None]:
        """Hold a place in the queue for a picture of so many pixels, before it is decoded.

        Raises:
            Refusal: the queue is full (429).
        """
        with self._lock:
            # One picture is always taken: its own size has been checked.
            if self._full or (self._places and self._pixels + pixels > self._limits.pixels_at_once):
                raise self._refusal()
            self._places += 1
            self._pixels += pixels
        try:
            yield
        finally:
            with self._lock:
                self._places -= 1
                self._pixels -= pixels

    def submit(
        self, image: np.ndarray, *, score: float, stage: str | None, source: str | None
    ) -> Future[Contours]:
        """Queue a picture, (H, W, 3) uint8 RGB, inside of `place`; the future has its contours."""
        job = _Job(image, score, stage, source)
        self._jobs.put(job)
        return job.result

    def _work(self) -> None:
        while (first := self._jobs.get()) is not None:
            jobs, ended = self._gather(first)
            groups: dict[tuple[float, str | None], list[_Job]] = defaultdict(list)
            for job in jobs:
                if job.result.set_running_or_notify_cancel():
                    groups[job.score, job.stage].append(job)
            for group in groups.values():
                for some in self._affordable(group):
                    self._predict(some)
            self._begun = None
            if ended:
                return

    def _gather(self, first: _Job) -> tuple[list[_Job], bool]:
        """The pictures of a batch, and whether nothing follows.

        Others are waited for only while there are some that are being decoded.
        """
        jobs = [first]
        until = time.perf_counter() + self._limits.batch_wait_s
        while len(jobs) < self._limits.batch:
            wait = until - time.perf_counter() if self.waiting > len(jobs) else 0.0
            try:
                job = self._jobs.get(block=wait > 0, timeout=max(wait, 0.0))
            except queue.Empty:
                break
            if job is None:
                return jobs, True
            jobs.append(job)
        return jobs, False

    def _affordable(self, jobs: list[_Job]) -> Iterator[list[_Job]]:
        """The pictures in batches that the network has the memory for."""
        some: list[_Job] = []
        total = 0
        for job in jobs:
            pixels = self.input_pixels(*job.image.shape[:2])
            if some and total + pixels > self._limits.input_pixels:
                yield some
                some, total = [], 0
            some.append(job)
            total += pixels
        yield some

    def _predict(self, jobs: list[_Job]) -> None:
        self._begun = start = time.perf_counter()
        for job in jobs:
            self._timings.add("queue", start - job.put)
        images = [job.image for job in jobs]
        try:
            found = self._model.predict(images, score_threshold=jobs[0].score, stage=jobs[0].stage)
            named = [
                renamed(contours, job.source) for job, contours in zip(jobs, found, strict=True)
            ]
        except Exception as error:  # belongs to whoever asked: this thread goes on
            if len(jobs) == 1:
                jobs[0].result.set_exception(error)
            else:  # one picture of a batch must not cost the others their answer
                for job in jobs:
                    self._predict([job])
            return
        self._timings.add("network", (time.perf_counter() - start) / len(jobs))
        self._timings.add_batch(len(jobs))
        for job, contours in zip(jobs, named, strict=True):
            job.result.set_result(contours)
