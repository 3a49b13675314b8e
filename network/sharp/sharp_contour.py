"""SharpContour: a point classifier an instance, and contours that walk to where it flips."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import get_args

import torch
from torch import Tensor, nn

from lib.errors import InputError
from network.sharp.classifier import PointClassifier
from network.sharp.evolution import Walk, iterate, subdivide, walk_by_state
from network.sharp.settings import ClassifierSizes, EvolutionSettings, Movement

_MOVEMENTS: tuple[Movement, ...] = get_args(Movement)


def movement_of(
    state: Mapping[str, Tensor], *, name: str, prefix: str = "sharp."
) -> Movement | None:
    """How the vertices move of the stage whose weights `state` holds; None if there are none.

    Raises:
        InputError: the weights do not say it; `name` is where they came from.
    """
    if not any(key.startswith(prefix) for key in state):
        return None
    kind = state.get(f"{prefix}kind")
    if kind is None or kind.numel() != 1 or kind.item() not in range(len(_MOVEMENTS)):
        raise InputError(f"{name}: weights are damaged: {prefix}kind is missing or unknown")
    return _MOVEMENTS[int(kind)]


class SharpContour(nn.Module):
    """Refines any contours on any shared map.

    Attributes:
        movement: how vertices find their way.
    """

    def __init__(
        self,
        channels: int,
        *,
        stride: int,
        sizes: ClassifierSizes,
        movement: Movement = "classify",
    ) -> None:
        super().__init__()
        outputs = 2 if movement == "offset" else 1
        self.classifier = PointClassifier(channels, stride=stride, sizes=sizes, outputs=outputs)
        # In the weights: the parameters alone do not tell a state from a distance.
        self.register_buffer("kind", torch.tensor(_MOVEMENTS.index(movement)))
        self.movement: Movement = movement

    def at_points(
        self,
        features: Tensor,
        boxes: Tensor,
        points: Tensor,
        image_index: Tensor,
        *,
        max_per_image: int | None = None,
    ) -> Tensor:
        """What training compares with labels, (n, P, outputs): logits of being outside, or
        movements as a part of the box's size.

        Args:
            features: (B, C, h, w), the shared map.
            boxes: (n, 4) x0, y0, x1, y1 of the instances, input pixels.
            points: (n, P, 2), x then y, input pixels.
            image_index: (n,) int64, ascending.
            max_per_image: as in `sample_features`.
        """
        fine = self.classifier.encode(features)
        parameters = self.classifier.parameters_of(
            fine, boxes, image_index, max_per_image=max_per_image
        )
        result: Tensor = self.classifier(
            fine, parameters, boxes, points, image_index, max_per_image=max_per_image
        )
        return result

    def forward(
        self,
        features: Tensor,
        contours: Tensor,
        image_index: Tensor,
        *,
        owners: Tensor | None = None,
        outward: Tensor | None = None,
        extents: Tensor | None = None,
        max_per_image: int | None = None,
        evolution: EvolutionSettings | None = None,
    ) -> list[Tensor]:
        """The contours after every iteration.

        Args:
            features: (B, C, h, w), the shared map.
            contours: (r, N, 2) closed rings, x then y, input pixels.
            image_index: (r,) int64, ascending; the image of every ring.
            owners: (r,) int64, ascending from 0 on: rings of one instance share its number, its box
                and its classifier. None: every ring is an instance.
            outward: as in `evolve`.
            extents: (B, 4) x0, y0, x1, y1, input pixels: where each input shows its image; what
                lies around it is outside of every object. None: all of the map shows it. The
                regression baselines ask for no state, and go where they are told.
            max_per_image: an upper limit of the rings per image, as in `sample_features`.
            evolution: how contours move; None is the paper's way.

        Returns:
            (r, N', 2) for each iteration, N' of `subdivide`.
        """
        boxes = torch.cat([contours.amin(1), contours.amax(1)], dim=1)
        if owners is not None:
            boxes = _shared_boxes(boxes, owners)
        evolution = evolution or EvolutionSettings()
        contours = subdivide(contours, evolution.vertices)
        if extents is not None:
            extents = extents.to(contours)
        fine = self.classifier.encode(features)
        parameters = self.classifier.parameters_of(
            fine, boxes, image_index, max_per_image=max_per_image
        )
        if self.movement == "classify" and _on_cpu(contours, fine, parameters):
            walk = self.classifier.walk(fine, parameters, boxes, image_index, evolution, extents)
        else:
            known = partial(
                self.classifier, fine, parameters, boxes,
                image_index=image_index, max_per_image=max_per_image,
            )  # fmt: skip
            walk = self._walk(known, fine, boxes, image_index, evolution, extents)
        return iterate(contours, walk, evolution.iterations, outward=outward)

    def _walk(
        self,
        at: Callable[[Tensor], Tensor],
        fine: Tensor,
        boxes: Tensor,
        image_index: Tensor,
        evolution: EvolutionSettings,
        extents: Tensor | None,
    ) -> Walk:
        """How the vertices of these instances move, of PyTorch's operators alone; `at` is what the
        classifier says of points (r, P, 2)."""
        low, high = boxes.split(2, dim=1)
        size = (high - low).prod(1).sqrt()

        def state(points: Tensor) -> Tensor:
            phi = at(points)[..., 0].sigmoid()
            inside = self.classifier.in_image(fine, points, image_index, extents)
            return phi.masked_fill(~inside, 1.0)

        def classify(contours: Tensor, normals: Tensor, resting: Tensor) -> tuple[Tensor, Tensor]:
            return walk_by_state(contours, normals, resting, state, size, evolution)

        def follow(contours: Tensor, normals: Tensor, resting: Tensor) -> tuple[Tensor, Tensor]:
            movement = at(contours) * size[:, None, None]
            if self.movement == "distance":
                movement = movement * normals
            return contours + movement, resting

        return classify if self.movement == "classify" else follow


def _on_cpu(*tensors: Tensor) -> bool:
    """Whether these may go to the operator for CPUs: it gives no gradients, and what is compiled or
    exported is made of PyTorch's operators alone."""
    return (
        not torch.is_grad_enabled()
        and not torch.compiler.is_compiling()
        and all(t.device.type == "cpu" and t.dtype == torch.float32 for t in tensors)
    )


def _shared_boxes(boxes: Tensor, owners: Tensor) -> Tensor:
    """For every ring the box around all rings of its owner, (r, 4)."""
    low, high = boxes.split(2, dim=1)
    count = int(owners[-1]) + 1 if len(owners) else 0
    places = owners[:, None].expand(-1, 2)
    least = low.new_zeros(count, 2).scatter_reduce(0, places, low, "amin", include_self=False)
    most = high.new_zeros(count, 2).scatter_reduce(0, places, high, "amax", include_self=False)
    return torch.cat([least, most], dim=1)[owners]
