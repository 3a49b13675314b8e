"""Loading training batches: order, sharing between processes, workers, errors.

What an example looks like depends on (seed, epoch, index) alone: not on the worker that makes it,
the number of workers or processes, the batch it falls into, or whether training was resumed.
"""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol, runtime_checkable

import cv2
import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset, Sampler

from dataset.loading.sample import InstanceDataset, Sample
from lib.errors import InputError

Key = tuple[int, int]  # epoch, index of the sample


class EpochSampler(Sampler[list[Key]]):
    """Batches of keys (epoch, index) for one process of a training run.

    Global batch b of an epoch is the b-th slice of that epoch's permutation; process `rank` takes
    the rank-th of `world_size` equal contiguous shares of it. So however many processes there are,
    together they see the same global batches. A last, incomplete batch is left out, or filled up
    with the first samples of the same permutation (`fill_to`).

    Args:
        length: number of samples of the data set.
        batch_size: size of the GLOBAL batch, a multiple of `world_size`.
        seed: of the order of the epochs.
        rank, world_size: this process, and how many there are.
        fill_to: fill an epoch up to a multiple of this many batches, so that it has every sample;
            0 leaves out the samples that do not fill a batch.

    Raises:
        InputError: there are too few samples for one batch.
        ValueError: `batch_size` cannot be shared equally, or `rank` is out of range.
    """

    def __init__(
        self,
        length: int,
        *,
        batch_size: int,
        seed: int,
        rank: int = 0,
        world_size: int = 1,
        fill_to: int = 0,
    ) -> None:
        if not 0 <= rank < world_size:
            raise ValueError(f"rank {rank} is not one of {world_size} processes")
        if batch_size < 1 or batch_size % world_size:
            raise ValueError(
                f"the batch size, {batch_size}, must be a positive multiple of the number of "
                f"processes, {world_size}"
            )
        if length < batch_size:
            raise InputError(
                f"the training set has {length} images, too few for one batch of {batch_size}; "
                "lower the batch size"
            )
        self.length = length
        self.batch_size = batch_size
        self.seed = seed
        self.rank = rank
        self.world_size = world_size
        self.fill_to = fill_to
        self.epoch = 0
        self._skipped = 0

    @property
    def batches_per_epoch(self) -> int:
        """Number of batches of a whole epoch."""
        group = self.batch_size * self.fill_to
        missing = -self.length % group if group else 0
        return (self.length + missing) // self.batch_size

    def set_epoch(self, epoch: int) -> None:
        """Start epoch `epoch` with the next iteration, from its first batch."""
        self.epoch = epoch
        self._skipped = 0

    def skip(self, batches: int) -> None:
        """Leave out the first `batches` batches of the current epoch, to resume within it."""
        if not 0 <= batches <= self.batches_per_epoch:
            raise ValueError(
                f"cannot skip {batches} of {self.batches_per_epoch} batches of an epoch"
            )
        self._skipped = batches

    def __len__(self) -> int:
        return self.batches_per_epoch - self._skipped

    def __iter__(self) -> Iterator[list[Key]]:
        epoch = self.epoch
        # No sample has index `length`: no example draws the same random numbers.
        order = np.random.default_rng([self.seed, epoch, self.length]).permutation(self.length)
        # Once more from the beginning: only filled batches reach so far.
        order = np.resize(order, max(self.length, self.batches_per_epoch * self.batch_size))
        share = self.batch_size // self.world_size
        for number in range(self._skipped, self.batches_per_epoch):
            start = number * self.batch_size + self.rank * share
            yield [(epoch, int(index)) for index in order[start : start + share]]


@dataclass(frozen=True)
class LoadingFailure:
    """Bad input met while loading, on its way from a worker to the main process as one line."""

    message: str


@runtime_checkable
class MakesFromSeveral(Protocol):
    """Makes examples that may show several images of the data set."""

    def among(self, dataset: InstanceDataset, index: int, rng: np.random.Generator) -> Any:
        """The example of sample `index`; all random choices come from `rng`.

        Raises:
            InputError: an image cannot be read.
        """


class TrainingDataset(Dataset[Any]):
    """Augmented training examples of a data set, by (epoch, index).

    Args:
        dataset: images and labels.
        make_example: makes a training example of a sample; all of its random choices come from the
            generator. One that `MakesFromSeveral` gets the data set instead of the sample.
        seed: with epoch and index it fixes every random choice.
    """

    def __init__(
        self,
        dataset: InstanceDataset,
        make_example: Callable[[Sample, np.random.Generator], Any],
        *,
        seed: int,
    ) -> None:
        self.dataset = dataset
        self.make_example = make_example
        self.seed = seed

    def __len__(self) -> int:
        return len(self.dataset)

    def __getitem__(self, key: Key) -> Any:
        """The example of sample `index` in epoch `epoch`, or a `LoadingFailure`."""
        epoch, index = key
        rng = np.random.default_rng([self.seed, epoch, index])
        make = self.make_example
        try:
            if isinstance(make, MakesFromSeveral):
                return make.among(self.dataset, index, rng)
            sample = self.dataset[index]
        except InputError as error:
            # Raised here, a worker's exception would reach the user wrapped in a traceback.
            return LoadingFailure(str(error))
        return make(sample, rng)


class TrainingLoader(DataLoader[Any]):
    """A DataLoader of batches that raises bad input met by a worker as a clean InputError."""

    def __iter__(self) -> Iterator[Any]:  # type: ignore[override]
        iterator = super().__iter__()
        for batch in iterator:
            if isinstance(batch, LoadingFailure):
                self._stop_workers(iterator)
                raise InputError(batch.message)
            yield batch

    def close(self) -> None:
        """End persistent workers; iterating again starts new ones."""
        if self._iterator is not None:
            self._stop_workers(self._iterator)

    def _stop_workers(self, iterator: object) -> None:
        # Left to the garbage collector, workers that hang on a reference cycle (an exception's
        # traceback makes one) lose their queue before they are told to stop, and then ending them
        # takes seconds each or for ever. torch offers no public way to stop them earlier.
        shutdown = getattr(iterator, "_shutdown_workers", None)
        if shutdown is not None:
            shutdown()
        self._iterator = None


def make_loader(
    dataset: TrainingDataset,
    sampler: EpochSampler,
    collate: Callable[[Sequence[Any]], Any],
    *,
    num_workers: int = 0,
    pin_memory: bool = False,
) -> TrainingLoader:
    """A loader of training batches.

    Call `sampler.set_epoch` before every pass over it.

    Args:
        dataset: the examples.
        sampler: the order, and the share of this process.
        collate: makes a batch of examples.
        num_workers: processes that make examples, kept from epoch to epoch; 0 makes them in this
            one.
        pin_memory: hand batches over in page-locked memory (for a GPU).
    """
    parallel = num_workers > 0
    return TrainingLoader(
        dataset,
        batch_sampler=sampler,
        num_workers=num_workers,
        collate_fn=partial(_collate_or_fail, collate),
        pin_memory=pin_memory,
        worker_init_fn=_start_worker if parallel else None,
        persistent_workers=parallel,
    )


def _collate_or_fail(collate: Callable[[Sequence[Any]], Any], examples: Sequence[Any]) -> Any:
    failed = (example for example in examples if isinstance(example, LoadingFailure))
    return next(failed, None) or collate(examples)


def _start_worker(worker: int) -> None:
    """One thread a worker: the workers themselves fill the processor.

    Ctrl-C and SIGTERM often reach the whole process group; the main process decides what they
    mean, and its workers end with it.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    cv2.setNumThreads(0)
    torch.set_num_threads(1)
