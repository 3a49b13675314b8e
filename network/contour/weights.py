"""Building a network of the sizes found in weights."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace

from torch import Tensor, nn

from lib.errors import InputError
from network.backbones.backbone import Backbone
from network.contour.architecture import MAX_REFINEMENTS, Architecture
from network.contour.box_init import BoxHead
from network.contour.contour_init import Clip
from network.contour.contour_start import ContourStart
from network.contour.e2ec import E2EC, build_network
from network.sharp.sharp_contour import movement_of

_REFINEMENT = re.compile(r"^refinement\.snakes\.(\d+)\.")
MAX_BOX_VERTICES = 4096
"""More vertices than any contour has: a damaged description must not ask for millions."""


def network_from_state(
    state: Mapping[str, Tensor],
    *,
    name: str,
    architecture: Architecture,
    clip: Clip = "edge",
    backbone: Backbone | None = None,
    start: ContourStart | None = None,
    vertices: int | None = None,
) -> E2EC:
    """A network in evaluation mode with the weights of `state` (our parameter names).

    The class count, the numbers of vertices and of refinement modules, the width of the global
    deformation, whether parts vote, whether there is SharpContour, whether a boundary map was
    learned and whether contours are judged are read from the weights. The network is float32,
    whatever the type of the weights.

    Args:
        state: the weights.
        name: where they came from, for messages.
        architecture: the other sizes.
        clip: as of `E2EC`.
        backbone: what stands in place of a DLA.
        start: what stands before the refinements, by default as in the published network.
        vertices: of contours that begin as boxes, whose weights do not tell.

    Raises:
        InputError: names or shapes do not fit, or a weight is not finite; `name` says where the
            weights came from.
    """
    for key in ("heatmap.2.weight", "offsets.2.weight"):
        if key not in state or state[key].ndim != 4 or 0 in state[key].shape:
            raise InputError(f"{name}: not weights of an E2EC network ({key} is missing or empty)")
    start = start or ContourStart()
    if start.initial == "learned":
        vertices = state["offsets.2.weight"].shape[0] // 2
    elif vertices is None or not 4 <= vertices <= MAX_BOX_VERTICES or vertices % 4:
        raise InputError(f"{name}: its description names {vertices} vertices for a box's contour")
    sizes = replace(
        architecture,
        refinements=count_refinements(state, source=name),
        global_hidden=_global_hidden(state, vertices, architecture),
    )
    network = build_network(
        num_classes=state["heatmap.2.weight"].shape[0],
        vertices=vertices,
        architecture=sizes,
        part_votes=any(key.startswith("part_votes.") for key in state),
        sharp=movement_of(state, name=name),
        boundary_map=any(key.startswith("boundary_map.") for key in state),
        contour_iou=any(key.startswith("contour_iou.") for key in state),
        clip=clip,
        backbone=backbone,
        start=start,
    )
    load_checked(network, state, name=name)
    return network.eval()


def load_checked(network: nn.Module, state: Mapping[str, Tensor], *, name: str) -> None:
    """Load weights that must be those of the network, all of them and no others.

    Raises:
        InputError: names or shapes do not fit, or a weight is not finite; `name` says where the
            weights came from.
    """
    expected = network.state_dict()
    # Files written by old versions of torch have no batch counters; evaluation needs none.
    optional = {key for key in expected if key.endswith("num_batches_tracked")}
    missing = [key for key in expected if key not in state and key not in optional]
    extra = [key for key in state if key not in expected]
    wrong = [k for k in expected if k in state and state[k].shape != expected[k].shape]
    for problem, keys in (("missing", missing), ("unknown", extra), ("of wrong shape", wrong)):
        if keys:
            raise InputError(
                f"{name}: weights do not fit this network: {len(keys)} {problem}, first {keys[0]}"
            )
    try:
        network.load_state_dict(dict(state), strict=False)
    except RuntimeError as error:
        raise InputError(f"{name}: weights do not fit this network: not dense tensors") from error
    for key, value in network.state_dict().items():
        if not value.isfinite().all():
            raise InputError(f"{name}: weights are damaged: {key} holds NaN or infinity")


def count_refinements(names: Iterable[str], *, source: str) -> int:
    """How many refinement modules there are weights of, by their names; 1 at least.

    Raises:
        InputError: more than any network has; `source` says where the names came from.
    """
    found = {match[1] for name in names if (match := _REFINEMENT.match(name))}
    if len(found) > MAX_REFINEMENTS:
        raise InputError(
            f"{source}: not weights of an E2EC network ({len(found)} refinement modules)"
        )
    return max(1, len(found))


def _global_hidden(state: Mapping[str, Tensor], vertices: int, architecture: Architecture) -> int:
    """The width of the global deformation's hidden layer; the architecture's where the weights do
    not tell, or are of another number of inputs than they should: loading says what is wrong."""
    weight = state.get("global_deformation.trans_poly.weight")
    inputs = (vertices + 1) * architecture.global_channels
    if weight is None or weight.ndim != 2 or weight.shape[1] != inputs or not len(weight):
        return architecture.global_hidden
    return len(weight)


def untransferred_start(source: E2EC, network: E2EC) -> tuple[str, ...]:
    """How the parameters of a network begin, of those before its refinements, that weights of
    another network are not for: of another kind of initial contour or global deformation."""
    kinds = {isinstance(one.offsets, BoxHead) for one in (source, network)}
    deformations = [one.global_deformation for one in (source, network)]
    ways = {one and (one.trans_poly.out_features, one.activation) for one in deformations}
    offsets, deformation = len(kinds) > 1, len(ways) > 1
    return ("offsets.",) * offsets + ("global_deformation.",) * deformation
