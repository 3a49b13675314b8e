"""Networks whose SharpContour may learn while all else stays as it is."""

from __future__ import annotations

from typing import TypeVar

from torch import nn

from network.sharp.sharp_contour import SharpContour

_Network = TypeVar("_Network", bound="SharpAlone")


class SharpAlone(nn.Module):
    """To inherit from, before other bases; `sharp` is the stage, None without it."""

    sharp: SharpContour | None
    sharp_alone: bool = False

    def freeze_all_but_sharp(self) -> None:
        """From here on only SharpContour learns: all else keeps its weights and its statistics."""
        assert self.sharp is not None
        self.sharp_alone = True
        self.requires_grad_(False)
        self.sharp.requires_grad_(True)
        self.train(self.training)

    def train(self: _Network, mode: bool = True) -> _Network:
        """Training or evaluation mode; what is frozen stays in the latter."""
        super().train(mode)
        if self.sharp_alone:
            for part in self.children():
                part.train(mode and part is self.sharp)
        return self
