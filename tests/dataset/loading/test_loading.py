"""The order of samples, repeatable randomness, sharing between processes, errors from workers."""

from __future__ import annotations

import multiprocessing
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from training_path import training_path

from dataset.contour.targets import Batch, TargetSettings, collate
from dataset.loading.loader import EpochSampler, TrainingDataset, make_loader
from dataset.loading.sample import Sample
from dataset.synthetic.dataset import SyntheticDataset
from dataset.transforms.augmentation import AugmentationSettings
from lib.errors import InputError


class OneBadImage(SyntheticDataset):
    """Sample 2 cannot be read."""

    def __getitem__(self, index: int) -> Sample:
        if index == 2:
            raise InputError("folder/bad.jpg: JPEG is cut short")
        return super().__getitem__(index)


def training_set(data: SyntheticDataset | None = None, seed: int = 3) -> TrainingDataset:
    augmentation = AugmentationSettings(crop_size=(64, 64))
    data = data if data is not None else SyntheticDataset(8, size=(48, 64))
    return training_path(data, augmentation, TargetSettings(vertices=16), seed=seed)


def batches(epoch: int, workers: int, skip: int = 0, **sharing: Any) -> list[Batch]:
    sampler = EpochSampler(8, batch_size=4, seed=3, **sharing)
    sampler.set_epoch(epoch)
    sampler.skip(skip)
    loader = make_loader(training_set(), sampler, collate, num_workers=workers)
    result = list(loader)
    loader.close()
    return result


def same(first: Batch, second: Batch) -> bool:
    return (
        torch.equal(first.images, second.images)
        and torch.equal(first.contours, second.contours)
        and torch.equal(first.keys, second.keys)
        and torch.equal(first.heatmaps, second.heatmaps)
        and first.image_ids == second.image_ids
    )


def test_workers_make_no_difference() -> None:
    alone, helped = batches(1, workers=0), batches(1, workers=2)
    assert len(alone) == len(helped) == 2
    assert all(map(same, alone, helped))


def test_heat_maps_do_not_travel() -> None:
    """They are drawn in the process that asks for them, once."""
    batch = batches(0, workers=1)[0]
    assert "heatmaps" not in vars(batch)
    assert batch.heatmaps.shape == (4, 3, 16, 16)
    assert batch.heatmaps is batch.heatmaps
    assert (batch.heatmaps == 1).sum() > 0
    assert all(tensor.is_shared() for tensor in (batch.images, batch.centers, batch.contours))


def test_epochs_differ_in_order_and_in_augmentation() -> None:
    first, second = batches(0, workers=0), batches(1, workers=0)
    orders = [[i for batch in epoch for i in batch.image_ids] for epoch in (first, second)]
    assert sorted(orders[0]) == sorted(orders[1]) == list(range(1, 9))
    assert orders[0] != orders[1]
    data = training_set()
    images = [data[epoch, 0].image for epoch in (0, 0, 1)]  # type: ignore[union-attr]
    assert torch.equal(images[0], images[1])
    assert not torch.equal(images[0], images[2])


def test_seed_and_index_change_the_randomness() -> None:
    keys = ((3, (0, 1)), (4, (0, 1)), (3, (0, 2)))
    images = [training_set(seed=seed)[key].image for seed, key in keys]  # type: ignore[union-attr]
    assert not torch.equal(images[0], images[1])
    assert not torch.equal(images[0], images[2])


def test_resuming_within_an_epoch_continues_it() -> None:
    assert same(batches(5, workers=0, skip=1)[0], batches(5, workers=0)[1])


def test_persistent_workers_see_the_new_epoch() -> None:
    sampler = EpochSampler(8, batch_size=4, seed=3)
    loader = make_loader(training_set(), sampler, collate, num_workers=1)
    for epoch in (0, 1):
        sampler.set_epoch(epoch)
        assert all(map(same, loader, batches(epoch, workers=0)))
    assert len(loader) == 2
    loader.close()


@settings(max_examples=60, deadline=None)
@given(
    st.integers(1, 60), st.integers(1, 4), st.integers(1, 4), st.integers(0, 5), st.integers(0, 2)
)
def test_ranks_together_give_the_global_batch(
    length: int, world: int, per_rank: int, epoch: int, fill_to: int
) -> None:
    """Ranks side by side equal the one-process batch; no image comes twice unless to fill up."""
    size = world * per_rank
    if length < size:
        return

    def run(**sharing: int) -> list[list[tuple[int, int]]]:
        sampler = EpochSampler(length, batch_size=size, seed=9, fill_to=fill_to, **sharing)
        sampler.set_epoch(epoch)
        result = list(sampler)
        assert len(result) == len(sampler)
        return result

    whole = run()
    ranks = [run(rank=r, world_size=world) for r in range(world)]
    for number, batch in enumerate(whole):
        shares = [rank[number] for rank in ranks]
        assert len({len(share) for share in shares}) == 1
        assert [key for share in shares for key in share] == batch
    seen = [index for batch in whole for _, index in batch]
    if fill_to:
        assert len(seen) % (size * fill_to) == 0 and set(seen) == set(range(length))
    else:
        assert len(set(seen)) == len(seen) == length // size * size


def test_skip_and_set_epoch() -> None:
    sampler = EpochSampler(10, batch_size=2, seed=0)
    everything = list(sampler)
    sampler.skip(3)
    assert len(sampler) == 2
    assert list(sampler) == everything[3:]
    sampler.set_epoch(1)
    assert len(sampler) == 5
    assert all(epoch == 1 for batch in sampler for epoch, _ in batch)
    with pytest.raises(ValueError, match="skip"):
        sampler.skip(6)


@pytest.mark.parametrize("workers", [0, 2])
def test_bad_input_in_a_worker_arrives_as_one_line(workers: int) -> None:
    """And the workers are gone at once, although the caught traceback keeps the loader alive."""
    sampler = EpochSampler(8, batch_size=4, seed=0)
    data = training_set(OneBadImage(8, size=(48, 64)))
    loader = make_loader(data, sampler, collate, num_workers=workers)
    with pytest.raises(InputError) as caught:
        list(loader)
    assert str(caught.value) == "folder/bad.jpg: JPEG is cut short"
    assert not multiprocessing.active_children()


def test_closed_loader_starts_again() -> None:
    sampler = EpochSampler(8, batch_size=4, seed=0)
    loader = make_loader(training_set(), sampler, collate, num_workers=1)
    first = list(loader)
    loader.close()
    assert not multiprocessing.active_children()
    assert all(map(same, first, loader))
    loader.close()


@pytest.mark.parametrize("length", [8, 9, 14, 15])
def test_a_filled_last_batch_leaves_no_image_out(length: int) -> None:
    """Images of the epoch's beginning fill it up; without, 14 images at 8 leave six unused."""
    sampler = EpochSampler(length, batch_size=8, seed=0, fill_to=1)
    assert sampler.batches_per_epoch == len(sampler) == -(-length // 8)
    batches = [[index for _, index in batch] for batch in sampler]
    assert all(len(batch) == 8 for batch in batches)
    assert {index for batch in batches for index in batch} == set(range(length))
    order = [index for batch in batches for index in batch]
    assert order[length:] == order[: len(order) - length]
    assert EpochSampler(length, batch_size=8, seed=0).batches_per_epoch == length // 8


def test_too_few_images_for_a_batch() -> None:
    with pytest.raises(InputError, match=r"5 images.*batch of 8"):
        EpochSampler(5, batch_size=8, seed=0)
    with pytest.raises(InputError, match="0 images"):
        EpochSampler(0, batch_size=8, seed=0)


@pytest.mark.parametrize("sharing", [{"batch_size": 3}, {"batch_size": 4, "rank": 2}])
def test_impossible_sharing_is_refused(sharing: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="processes"):
        EpochSampler(8, seed=0, world_size=2, **sharing)


def test_global_random_state_is_left_alone() -> None:
    state = np.random.get_state()[1].copy()  # type: ignore[union-attr]
    torch_state = torch.get_rng_state()
    training_set()[0, 0]
    assert (np.random.get_state()[1] == state).all()  # type: ignore[index]
    assert torch.equal(torch.get_rng_state(), torch_state)
