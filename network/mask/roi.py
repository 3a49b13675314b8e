"""The second stage: proposals -> boxes with classes -> masks, on torchvision's `RoIHeads`.

Matching, sampling, box coding and suppression are torchvision's; its losses are left to whoever
trains. Other heads are plugged in by what they are called with and what they give:

- A box head is called with RoI features (n, C, 7, 7), and `box_predictor` with its result. That
  goes into `BoxSamples.prediction` as it is. With another form than torchvision's (logits,
  movements) comes a `BoxDecoder`.
- A mask head is called with RoI features (n, C, 14, 14) and, where there is `boundary_roi_pool`,
  with that one's features too; `mask_predictor` with its result. `mask_outputs` names what comes
  out as fields of `MaskPrediction`.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Protocol

import torch
from torch import Tensor, nn
from torchvision.models.detection.roi_heads import RoIHeads, project_masks_on_boxes
from torchvision.ops import MultiScaleRoIAlign, batched_nms, clip_boxes_to_image
from torchvision.ops.boxes import remove_small_boxes

from network.layers.precision import at_least_float32
from network.mask.margin import masks_with_margin
from network.mask.mask_iou import MaskIouHead, mask_iou_targets, shares_inside
from network.mask.outputs import BoxSamples, Detections, MaskPrediction, MaskSamples
from network.mask.sampling import SeededSampler
from network.mask.sobel_head import SobelHead

Maps = dict[str, Tensor]
"""The pyramid by level, the finest first: (B, C, h / 4, w / 4), ..."""


class BoxDecoder(Protocol):
    """Makes of a box head's prediction one candidate a proposal."""

    def __call__(self, prediction: Any, proposals: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Boxes (n, 4), scores (n,) and classes (n,) int64, 1 to K, of proposals (n, 4)."""


class MaskRoIHeads(RoIHeads):
    """Box head, mask head, and the mask-IoU head where there is one; parts are injected."""

    def __init__(
        self,
        *,
        box_roi_pool: MultiScaleRoIAlign,
        box_head: nn.Module,
        box_predictor: nn.Module,
        mask_roi_pool: MultiScaleRoIAlign,
        mask_head: nn.Module,
        mask_predictor: nn.Module,
        samples: int = 512,
        box_decoder: BoxDecoder | None = None,
        boundary_roi_pool: MultiScaleRoIAlign | None = None,
        mask_outputs: tuple[str, ...] = ("masks",),
        mask_iou: MaskIouHead | None = None,
        boundary_of_mask: SobelHead | None = None,
    ) -> None:
        """`samples` an image, a quarter of them objects where there are as many;
        `boundary_of_mask` for mask heads that predict no boundaries."""
        super().__init__(
            box_roi_pool,
            box_head,
            box_predictor,
            fg_iou_thresh=0.5,
            bg_iou_thresh=0.5,
            batch_size_per_image=samples,
            positive_fraction=0.25,
            bbox_reg_weights=None,
            score_thresh=0.05,
            nms_thresh=0.5,
            detections_per_img=100,
            mask_roi_pool=mask_roi_pool,
            mask_head=mask_head,
            mask_predictor=mask_predictor,
        )
        self.fg_bg_sampler = SeededSampler(samples, 0.25)
        self.box_decoder = box_decoder
        self.boundary_roi_pool = boundary_roi_pool
        self.mask_outputs = mask_outputs
        self.mask_iou = mask_iou
        self.boundary_of_mask = boundary_of_mask

    def learn(
        self,
        maps: Maps,
        proposals: list[Tensor],
        input_size: tuple[int, int],
        targets: list[dict[str, Tensor]],
    ) -> tuple[BoxSamples, MaskSamples]:
        """What the heads say of sampled proposals and of the objects among these.

        Args:
            maps: the pyramid.
            proposals: (n_i, 4) of every image; its labelled boxes join them.
            input_size: height and width of the input.
            targets: by image boxes (g, 4), labels (g,) from 1 on, masks (g, h, w).
        """
        proposals, matches, labels, movements = self.select_training_samples(proposals, targets)
        boxes = BoxSamples(
            prediction=self._boxes(maps, proposals, input_size),
            proposals=proposals,
            labels=labels,
            matches=matches,
            movements=movements,
            targets=[{name: one[name] for name in ("boxes", "labels")} for one in targets],
        )
        return boxes, self._learn_masks(maps, boxes, input_size, targets)

    def _learn_masks(
        self,
        maps: Maps,
        boxes: BoxSamples,
        input_size: tuple[int, int],
        targets: list[dict[str, Tensor]],
    ) -> MaskSamples:
        objects = [torch.where(labels > 0)[0] for labels in boxes.labels]
        proposals = [one[rows] for one, rows in zip(boxes.proposals, objects, strict=True)]
        matches = [one[rows] for one, rows in zip(boxes.matches, objects, strict=True)]
        labels = torch.cat([one[rows] for one, rows in zip(boxes.labels, objects, strict=True)])
        features, prediction = self._masks(maps, proposals, input_size)
        size = prediction.masks.shape[-1]
        owned = list(zip([one["masks"] for one in targets], proposals, matches, strict=True))
        mask_targets = torch.cat([project_masks_on_boxes(*one, size) for one in owned])
        wide = None
        if prediction.edges is not None:
            wide = torch.cat([masks_with_margin(*one, size) for one in owned])
        if self.boundary_of_mask is not None:
            boundaries = self.boundary_of_mask(_of_class(prediction.masks, labels)[:, None])
            prediction = replace(prediction, boundaries=at_least_float32(boundaries))
        ious = iou_targets = None
        if self.mask_iou is not None:
            masks = _of_class(prediction.masks, labels).sigmoid()
            ious = self._ious(features, masks, labels)
            inside = torch.cat([shares_inside(*one) for one in owned])
            iou_targets = mask_iou_targets(masks.detach(), mask_targets, inside)
        return MaskSamples(
            prediction=prediction,
            proposals=torch.cat(proposals),
            image_index=_image_index(proposals),
            labels=labels,
            targets=mask_targets,
            wide_targets=wide,
            ious=ious,
            iou_targets=iou_targets,
        )

    def detect(
        self,
        maps: Maps,
        proposals: list[Tensor],
        input_size: tuple[int, int],
        sizes: list[tuple[int, int]],
    ) -> Detections:
        """The instances among proposals; the limits are the attributes of torchvision's class.

        Args:
            maps: the pyramid.
            proposals: (n_i, 4) of every image.
            input_size: height and width of the input.
            sizes: height and width of what it shows of every image.
        """
        prediction = self._boxes(maps, proposals, input_size)
        boxes, scores, classes = self._found(prediction, proposals, sizes)
        labels, score = torch.cat(classes), torch.cat(scores)
        features, answer = self._masks(maps, boxes, input_size)
        masks = _of_class(answer.masks, labels).sigmoid()
        index = _image_index(boxes)
        if self.mask_iou is not None:
            score = score * self._ious(features, masks, labels).clamp(0, 1)
        # By image, then by falling score: what was rated by its mask has another order now, and may
        # have fallen below the limit.
        order = score.argsort(descending=True, stable=True)
        order = order[score[order] > self.score_thresh]
        order = order[index[order].argsort(stable=True)]
        return Detections(
            image_index=index[order],
            boxes=torch.cat(boxes)[order],
            classes=labels[order] - 1,
            scores=score[order],
            masks=masks[order],
        )

    def _boxes(self, maps: Maps, proposals: list[Tensor], input_size: tuple[int, int]) -> Any:
        """The box head's prediction of all proposals."""
        features = self.box_roi_pool(maps, proposals, [input_size] * len(proposals))
        prediction = self.box_predictor(self.box_head(features))
        if self.box_decoder is None:
            return tuple(at_least_float32(part) for part in prediction)
        return prediction

    def _found(
        self, prediction: Any, proposals: list[Tensor], sizes: list[tuple[int, int]]
    ) -> tuple[list[Tensor], list[Tensor], list[Tensor]]:
        """Boxes, scores and classes, from 1 on, that are left of every image."""
        if self.box_decoder is None:
            found: tuple[list[Tensor], list[Tensor], list[Tensor]]
            found = self.postprocess_detections(*prediction, proposals, sizes)
            return found
        counts = [len(one) for one in proposals]
        candidates = self.box_decoder(prediction, torch.cat(proposals))
        by_image = zip(*(one.split(counts) for one in candidates), sizes, strict=True)
        boxes, scores, classes = zip(*(self._kept(*one) for one in by_image), strict=True)
        return list(boxes), list(scores), list(classes)

    def _kept(
        self, boxes: Tensor, scores: Tensor, classes: Tensor, size: tuple[int, int]
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Of one candidate a proposal what torchvision keeps of its own."""
        boxes = clip_boxes_to_image(boxes, size)
        rows = torch.where(scores > self.score_thresh)[0]
        rows = rows[remove_small_boxes(boxes[rows], min_size=1e-2)]
        rows = rows[batched_nms(boxes[rows], scores[rows], classes[rows], self.nms_thresh)]
        rows = rows[: self.detections_per_img]
        return boxes[rows], scores[rows], classes[rows]

    def _masks(
        self, maps: Maps, boxes: list[Tensor], input_size: tuple[int, int]
    ) -> tuple[Tensor, MaskPrediction]:
        """What the mask head sees of boxes, (n, C, 14, 14), and says."""
        # Scales come from the size of the input: an image may fill little of it.
        shapes = [input_size] * len(boxes)
        features = self.mask_roi_pool(maps, boxes, shapes)
        seen = [features]
        if self.boundary_roi_pool is not None:
            seen.append(self.boundary_roi_pool(maps, boxes, shapes))
        answer = self.mask_predictor(self.mask_head(*seen))
        answers = answer if isinstance(answer, tuple) else (answer,)
        full = [None if part is None else at_least_float32(part) for part in answers]
        fields: dict[str, Any] = dict(zip(self.mask_outputs, full, strict=True))
        return features, MaskPrediction(**fields)

    def _ious(self, features: Tensor, masks: Tensor, labels: Tensor) -> Tensor:
        """The predicted IoU of masks (n, 28, 28) of one class each, (n,)."""
        assert self.mask_iou is not None
        return _of_class(at_least_float32(self.mask_iou(features, masks)), labels - 1)


def _of_class(values: Tensor, classes: Tensor) -> Tensor:
    """(n, K, ...) -> (n, ...): of every row what belongs to its class."""
    return values[torch.arange(len(classes), device=classes.device), classes]


def _image_index(by_image: list[Tensor]) -> Tensor:
    """The image of every row, (n,) int64."""
    counts = torch.tensor([len(one) for one in by_image], device=by_image[0].device)
    return torch.arange(len(by_image), device=counts.device).repeat_interleave(counts)
