"""The authors' published checkpoints: their names and ours, read without unpickling code."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor

from lib.errors import InputError
from network.checkpoint_file import read_without_code
from network.contour.architecture import DLA34
from network.contour.e2ec import E2EC
from network.contour.weights import network_from_state

# Published prefix or spelling -> ours, applied in order. Below these prefixes names are the same.
_RENAMES: tuple[tuple[str, str], ...] = (
    (r"^module\.", ""),
    (r"^dla\.base\.", "backbone."),
    (r"^dla\.dla_up\.", "neck."),
    (r"^dla\.ida_up\.", "neck.ida_up."),
    (r"^dla\.ct_hm\.", "heatmap."),
    (r"^dla\.wh\.", "offsets."),
    (r"^train_decoder\.refine\.", "global_deformation."),
    (r"^gcn\.evolve_gcn\.", "refinement.snakes.0."),
    # evolve_gcn0 is the second module, evolve_gcn1 the third.
    (r"^gcn\.evolve_gcn0\.", "refinement.snakes.1."),
    (r"^gcn\.evolve_gcn1\.", "refinement.snakes.2."),
    (r"\.conv\.conv_offset\.", ".conv.conv_offset_mask."),
)
# ImageNet's classifier, which some files carry and nothing uses.
_UNUSED = re.compile(r"^(module\.)?dla\.base\.fc\.")


def load_published(source: str | Path | Mapping[str, Any]) -> E2EC:
    """The network of a published checkpoint, in evaluation mode; its contours end at the last cell.

    Args:
        source: path of a `.pth` file, its content, or a state dict with published names. Both
            spellings of the offset convolution are read; the unused classifier may be there.
            The class count and the number of vertices are read from the weights.

    Raises:
        InputError: not a checkpoint, or not one of this network; names what is missing or wrong.
    """
    name = "checkpoint"
    if isinstance(source, (str, Path)):
        name, source = str(source), read_without_code(source)
    state = convert_names(_state_dict(source, name))
    return network_from_state(state, name=name, architecture=DLA34, clip="cells")


def convert_names(published: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Published parameter names -> ours, in the same order."""
    converted = {}
    for key, value in published.items():
        if _UNUSED.match(key):
            continue
        for pattern, replacement in _RENAMES:
            key = re.sub(pattern, replacement, key)
        converted[key] = value
    return converted


def _state_dict(content: Any, name: str) -> Mapping[str, Tensor]:
    if isinstance(content, Mapping):
        for key in ("net", "state_dict"):
            if isinstance(content.get(key), Mapping):
                content = content[key]
                break
        names = all(isinstance(key, str) for key in content)
        if content and names and all(isinstance(value, Tensor) for value in content.values()):
            return content
    raise InputError(f"{name}: holds no state dict (expected weights under 'net')")
