"""The way around a contour network's functions: images -> maps, centres, contours."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Protocol

from torch import Tensor, nn

from network.contour.architecture import STRIDE
from network.contour.contour_iou import ContourIoU
from network.contour.decode import Centers, decode_centers
from network.sharp.settings import EvolutionSettings
from network.sharp.sharp_contour import SharpContour

OnDemand = Callable[[Tensor | None, EvolutionSettings | None], Tensor]
"""Extents (B, 4) and evolution, as in `NetworkOutput.at` -> the contours of a stage."""


@dataclass
class NetworkOutput:
    """The network's prediction for a batch: n instances by image, then by descending score."""

    heatmap: Tensor
    """(B, C, h, w) logits, h and w of the padded images over `stride`."""
    image_index: Tensor
    """(n,) int64, the image in the batch."""
    classes: Tensor
    """(n,) int64; empty where centres are given."""
    scores: Tensor
    """(n,) float in [0, 1]; empty where centres are given."""
    centers: Tensor
    """(n, 2) int64, x then y, feature cells."""
    stages: dict[str, Tensor]
    """Contours by the name of their stage, in the order in which they are made: init, coarse,
    refine1, refine2, ...; each (n, N, 2), x then y, input pixels."""
    object_centers: Tensor | None = None
    """(n, 2), x then y, feature cells: the centre of the whole object, as each part predicts it;
    None without part votes."""
    stride: int = STRIDE
    """Input pixels a feature cell."""
    on_demand: dict[str, OnDemand] = field(default_factory=dict)
    """What makes the contours of further stages, by name: nobody waits for those not asked for."""
    boundary_map: Tensor | None = None
    """(B, 1, h, w) logits, whether a cell lies on the boundary of an object; in training alone, and
    None without its head."""
    teacher: NetworkOutput | None = None
    """What the moving average of the weights says of the same instances, in evaluation mode; where
    training compares with it."""
    at_points: Tensor | None = None
    """(n, P, outputs), what SharpContour says of the labelled points near boundaries, in training;
    None without them."""
    judge: Callable[[Tensor], Tensor] | None = None
    """Contours of any stage (n, N, 2), input pixels -> the logits of their IoU, (n,); None without
    the head for it."""
    iou_logits: dict[str, Tensor] = field(default_factory=dict)
    """In training what `judge` says of every stage, by name."""
    least_score: float = 0.0
    """Instances whose final score is lower are left out."""

    @property
    def contours(self) -> list[Tensor]:
        """The contours of all stages but those on demand, in order."""
        return list(self.stages.values())

    def at(
        self,
        stage: str,
        extents: Tensor | None = None,
        evolution: EvolutionSettings | None = None,
    ) -> Tensor:
        """The contours of a stage, (n, N, 2), x then y, input pixels; made now if they are made on
        demand, and once.

        Args:
            stage: its name.
            extents: (B, 4) x0, y0, x1, y1, input pixels: where each input shows its image; None is
                everywhere.
            evolution: how the contours of SharpContour move; None is the paper's way. Only stages
                on demand ask for these two.
        """
        if stage not in self.stages:
            self.stages[stage] = self.on_demand[stage](extents, evolution)
        return self.stages[stage]


Dense = Callable[[Tensor], tuple[Tensor, ...]]
"""Images (B, 3, H, W) -> the shared map (B, C, h, w), and the heat map's logits."""


class Outline(Protocol):
    """What makes the contours of instances."""

    def __call__(
        self,
        features: Tensor,
        centers: Tensor,
        image_index: Tensor,
        max_per_image: int | None = None,
        depth: int | None = None,
    ) -> tuple[dict[str, Tensor], Tensor | None]:
        """The shared map (B, C, h, w), and the rest as in `ContourNetwork.forward` -> contours by
        stage, and the part votes."""


@dataclass
class BoundaryPoints:
    """Labelled points near boundaries, of n instances: SharpContour learns from them."""

    boxes: Tensor
    """(n, 4) x0, y0, x1, y1, input pixels."""
    points: Tensor
    """(n, P, 2), x then y, input pixels."""


class ContourNetwork(nn.Module):
    """Images -> maps, centres, contours: the way around a network's two functions."""

    dense: Dense
    outline: Outline
    stride: int
    """Input pixels a feature cell."""

    @property
    def sharpening(self) -> SharpContour | None:
        """The stage after the last refinement, if there is one."""
        return None

    @property
    def judging(self) -> ContourIoU | None:
        """The head that predicts how well contours fit, if there is one."""
        return None

    def add_training_maps(self, output: NetworkOutput, features: Tensor) -> None:
        """Put into `output` what is only learned from, of the shared map (B, C, h, w)."""

    def forward(
        self,
        images: Tensor,
        centers: Tensor | None = None,
        image_index: Tensor | None = None,
        *,
        max_per_image: int | None = None,
        score_threshold: float = 0.05,
        max_detections: int = 100,
        boundary: BoundaryPoints | None = None,
        depth: int | None = None,
    ) -> NetworkOutput:
        """Contours at the detected centres, or at the labelled ones in training.

        Args:
            images: (B, 3, H, W) float, normalised BGR; any size, padded with zeros inside.
            centers: (n, 2) int64 label centres, x then y, feature cells; in training only.
            image_index: (n,) int64, ascending; the image of every centre.
            max_per_image: an upper limit of the given centres per image; without it the host waits
                for a GPU to count them.
            score_threshold: detections below it are dropped (published: 0.05).
            max_detections: at most this many per image (published: 100).
            boundary: points that SharpContour is asked about, at the given centres' instances.
            depth: only so many of the first stages are made, at least one; None makes all. What is
                made is the same to the last bit.

        Raises:
            ValueError: training mode without labelled centres, or images of a wrong shape.
        """
        if images.ndim != 4 or images.shape[1] != 3:
            raise ValueError(f"images must be (B, 3, H, W), not {tuple(images.shape)}")
        if self.training and (centers is None or image_index is None):
            raise ValueError("training needs the labelled centers and their image_index")
        features, heatmap = self.dense(images)
        if centers is not None and image_index is not None:
            unknown = features.new_zeros(0)
            found = Centers(image_index, unknown.long(), unknown, centers)
        else:
            height, width = (-(-side // self.stride) for side in images.shape[2:])
            found = decode_centers(
                heatmap,
                score_threshold=score_threshold,
                max_detections=max_detections,
                valid_size=(height, width),
            )
            # Known here, so that `outline` need not count.
            max_per_image = int(found.image_index.bincount(minlength=1).amax())
        stages, votes = self.outline(
            features, found.centers, found.image_index, max_per_image, depth
        )
        output = NetworkOutput(heatmap, *found, stages, votes, self.stride)
        if self.training:
            self.add_training_maps(output, features)
        if self.sharpening is not None and (depth is None or depth > len(stages)):
            add_sharp(self.sharpening, output, features, boundary, max_per_image)
        if self.judging is not None:
            output.judge = partial(
                self.judging,
                features=features,
                centers=output.centers,
                image_index=output.image_index,
                max_per_image=max_per_image,
            )
            if self.training:
                output.iou_logits = {name: output.judge(made) for name, made in stages.items()}
        return output


def add_sharp(
    sharp: SharpContour,
    output: NetworkOutput,
    features: Tensor,
    boundary: BoundaryPoints | None,
    max_per_image: int | None,
) -> None:
    """What SharpContour says of labelled points, or else, on demand, its stage.

    Args:
        sharp: the stage.
        output: of the same instances; gets `at_points`, or the stage sharp.
        features: (B, C, h, w), the shared map.
        boundary, max_per_image: as in `ContourNetwork.forward`.
    """
    if boundary is not None:
        output.at_points = sharp.at_points(
            features,
            boundary.boxes,
            boundary.points,
            output.image_index,
            max_per_image=max_per_image,
        )
        return
    refine = partial(
        sharp,
        features,
        output.contours[-1],
        output.image_index,
        max_per_image=max_per_image,
    )
    output.on_demand["sharp"] = lambda extents, evolution: refine(
        extents=extents, evolution=evolution
    )[-1]
