"""Random samples of anchors and proposals that depend on the image's seed alone."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torchvision.models.detection._utils import BalancedPositiveNegativeSampler


class SeededSampler(BalancedPositiveNegativeSampler):
    """torchvision's sampler, drawing for every image from a generator of its own.

    An image gets the same samples alone and in any batch, on every device, and the global random
    state stays as it is. With one image they are those that torchvision draws after
    `torch.manual_seed` of the image's seed.
    """

    generators: Sequence[torch.Generator] = ()
    """One an image, on the CPU; set before every training step."""

    def __call__(self, labels: list[Tensor]) -> tuple[list[Tensor], list[Tensor]]:
        """See torchvision's: masks of the positive and of the negative samples of every image."""
        positive, negative = [], []
        with torch.random.fork_rng(devices=[]):
            for one, generator in zip(labels, self.generators, strict=True):
                torch.set_rng_state(generator.get_state())
                (chosen,), (background,) = super().__call__([one.cpu()])
                generator.set_state(torch.get_rng_state())
                positive.append(chosen.to(one.device))
                negative.append(background.to(one.device))
        return positive, negative
