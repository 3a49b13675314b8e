"""Weights of a DLA-34 that was trained elsewhere, such as ImageNet's classifier, for the backbone.

Two arrangements of names are known. The original files (Yu et al., CVPR 2018) call tensors as
`network.backbones.dla` does, and have the classifier `fc` besides. timm's `dla34` calls them the
same and lacks the two projections that nothing uses.
"""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

from network.backbones.dla import DLA
from network.contour.weights import load_checked

_CLASSIFIER = "fc."
_UNUSED = ("level3.project.", "level4.project.")
"""Of no effect (`network.backbones.dla.Tree`): timm's files leave them out."""


def load_dla_weights(backbone: DLA, state: Mapping[str, Tensor], *, name: str) -> None:
    """Take over all weights and the statistics of the batch normalisations, in place.

    Args:
        backbone: of any sizes; those of `state` must be the same.
        state: tensors by the original names or timm's; the classifier is passed over. Projections
            that nothing uses, and counters of batches, may be absent: they stay as they are.
        name: where the weights came from.

    Raises:
        InputError: tensors are missing, unknown, of another shape, or not finite.
    """
    given = {key: value for key, value in state.items() if not key.startswith(_CLASSIFIER)}
    own = {key: value for key, value in backbone.state_dict().items() if key.startswith(_UNUSED)}
    load_checked(backbone, own | given, name=name)
