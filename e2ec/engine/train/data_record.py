"""Which images a run is made of: kept in its state, so that it is not continued on others."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence

from dataset.loading.sample import InstanceDataset
from lib.errors import InputError

logger = logging.getLogger(__name__)


def data_record(train: InstanceDataset, val: InstanceDataset) -> dict[str, list[str]]:
    """File names of all images of both splits, in order, relative to the data's folder."""
    return {"train": list(train.image_names), "val": list(val.image_names)}


def check_data(
    saved: Mapping[str, Sequence[str]], now: Mapping[str, Sequence[str]], *, name: str
) -> None:
    """The images of a state and those of the run that continues it must be the same.

    Other validation images change no training: they are told of in one line and used.

    Args:
        saved, now: what `data_record` made.
        name: the file of the state.

    Raises:
        InputError: the training images differ; names the first that does.
    """
    if changed := _difference(saved["train"], now["train"]):
        raise InputError(
            f"{name}: made with other training images: {changed}; continue with the data of then, "
            "or start a run of another --name (--model.weights takes the weights of this one)"
        )
    if changed := _difference(saved["val"], now["val"]):
        logger.warning(
            "%s: made with other validation images: %s; metrics before and after are not of the "
            "same images",
            name,
            changed,
        )


def _difference(saved: Sequence[str], now: Sequence[str]) -> str:
    """What has changed, empty if nothing has."""
    if list(saved) == list(now):
        return ""
    counts = f"{len(saved)} then, {len(now)} now"
    before, after = set(saved), set(now)
    if gone := [one for one in saved if one not in after]:
        return f"{counts}, {gone[0]} is gone"
    if new := [one for one in now if one not in before]:
        return f"{counts}, {new[0]} is new"
    pairs = zip(saved, now, strict=False)
    moved = next((one for one, other in pairs if one != other), [*saved, *now][-1])
    return f"{counts}, in another order from {moved} on"
