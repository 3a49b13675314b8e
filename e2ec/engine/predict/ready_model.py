"""A network made ready for prediction, with its card."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from e2ec.config import Precision
from e2ec.engine.weights.describe import describe_card
from e2ec.families.find_family import find_family
from e2ec.families.model_card import ModelCard
from lib.errors import InputError
from network.layers.precision import PRECISIONS


class ReadyModel:
    """A network on its device in its precision, made ready by its family."""

    def __init__(
        self,
        network: nn.Module,
        card: ModelCard,
        *,
        device: torch.device | str = "cpu",
        precision: Precision = "fp32",
        compile: bool = False,
        cuda_graphs: bool = False,
    ) -> None:
        """Take a copy of the network, made ready for prediction; the original stays trainable.

        Args:
            network: of any family.
            card: what it was trained for; of the same family.
            device, precision, compile, cuda_graphs: as in `load_model`; a network in fp64 stays so.

        Raises:
            InputError: the device cannot compute in this precision, or has no CUDA graphs.
        """
        self.device = torch.device(device)
        if precision not in PRECISIONS:
            raise InputError(f"there is no precision {precision!r}: {', '.join(PRECISIONS)}")
        if precision == "fp16" and self.device.type == "cpu":
            raise InputError("precision fp16 needs a GPU; use bf16 or fp32 on the CPU")
        if cuda_graphs and self.device.type != "cuda":
            raise InputError(f"CUDA graphs need a CUDA device, not {self.device.type}")
        self._input_type = next(network.parameters()).dtype
        self._precision: Precision = precision
        self.family = find_family(type(card).FAMILY)
        self.stages = self.family.stages(network)
        self.network = self.family.prepare(
            network,
            device=self.device,
            precision=precision,
            compile=compile,
            cuda_graphs=cuda_graphs,
        )
        self.card = card

    @property
    def class_names(self) -> tuple[str, ...]:
        """Name of every class, by class index."""
        return self.card.class_names

    def __repr__(self) -> str:
        return f"{type(self).__name__}({describe_card(self.card)}; on {self.device})"

    def require_detector(self) -> None:
        """Nothing, where the network finds instances by itself.

        Raises:
            InputError: it only refines what others have found.
        """
        if not self.family.detects:
            raise InputError(
                f"these weights are of the family {self.family.name}, which finds nothing by "
                "itself: it refines what another model has found (python -m e2ec refine, or "
                "model.refine in Python)"
            )

    def _input(self, batch: np.ndarray) -> Tensor:
        """Pixels (B, h, w, 3) uint8 as the network takes them."""
        pixels = torch.from_numpy(batch).to(self.device)
        # They lie channels last already.
        return self.family.normalize(pixels.permute(0, 3, 1, 2)).to(self._input_type)

    def _autocast(self) -> torch.autocast:
        """A new one for every call: it remembers what to restore, which threads must not share."""
        lowered = self._precision != "fp32"
        dtype = PRECISIONS[self._precision] if lowered else torch.bfloat16
        return torch.autocast(self.device.type, dtype=dtype, enabled=lowered)
