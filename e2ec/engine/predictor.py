"""Prediction: images in, `Contours` out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import overload

import numpy as np
import torch

from dataset.view import TestView, restore_points
from e2ec.config import Precision, Stage
from e2ec.engine.checkpoint import load_weights
from e2ec.engine.describe import describe_card
from e2ec.engine.device import select_device
from e2ec.engine.image_input import ImageLike, image_list, image_source, to_pixels
from e2ec.engine.input_limit import show
from e2ec.engine.model_card import ModelCard
from e2ec.engine.preprocess import normalize
from e2ec.engine.stages import select_stage
from e2ec.results.contours import Contours
from e2ec.results.default_score import DEFAULT_SCORE
from e2ec.results.grouping import group_parts
from e2ec.results.nms import contour_boxes, suppress
from lib.errors import InputError
from network.cuda_graphs import graph_network
from network.e2ec import E2EC, STRIDE
from network.inference import PRECISIONS, compile_network, for_prediction

BUNDLED_WEIGHTS = Path(__file__).parents[1] / "weights" / "nuclei_nano.safetensors"


class Predictor:
    """A network with everything needed to use it on images."""

    def __init__(
        self,
        network: E2EC,
        card: ModelCard,
        *,
        device: torch.device | str = "cpu",
        precision: Precision = "fp32",
        compile: bool = False,
        cuda_graphs: bool = False,
    ) -> None:
        """Take a copy of the network, made ready for prediction; the original stays trainable.

        Args:
            network: any network of this family.
            card: what it was trained for.
            device: where it runs.
            precision: of the convolutions; coordinates and scores are always fp32 (fp64 of a
                network in fp64).
            compile: `torch.compile` the network; the first image, the first of other sizes and the
                first with no or one instance take minutes. On a CPU little is gained.
            cuda_graphs: record what covers the image once for every size of the input and number
                of images, then replay it; the last four are kept (`network.cuda_graphs`). Not on
                by itself: where sizes keep changing, recordings cost more than they save, and
                each holds the memory of one run.

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
        self._autocast = torch.autocast(
            self.device.type,
            dtype=PRECISIONS[precision] if precision != "fp32" else torch.bfloat16,
            enabled=precision != "fp32",
        )
        self.network = for_prediction(network, PRECISIONS[precision], self.device)
        if compile:
            compile_network(self.network)
        if cuda_graphs:
            graph_network(self.network)
        self.card = card

    @property
    def class_names(self) -> tuple[str, ...]:
        """Name of every class, by class index."""
        return self.card.class_names

    def __repr__(self) -> str:
        return f"Predictor({describe_card(self.card)}; on {self.device})"

    @overload
    def predict(
        self,
        images: ImageLike,
        *,
        score_threshold: float | None = None,
        stage: Stage | None = None,
        source: str | None = None,
        batch_size: int = 8,
    ) -> Contours: ...

    @overload
    def predict(
        self,
        images: list[ImageLike] | tuple[ImageLike, ...],
        *,
        score_threshold: float | None = None,
        stage: Stage | None = None,
        source: str | None = None,
        batch_size: int = 8,
    ) -> list[Contours]: ...

    def predict(
        self,
        images: ImageLike | Sequence[ImageLike],
        *,
        score_threshold: float | None = None,
        stage: Stage | None = None,
        source: str | None = None,
        batch_size: int = 8,
    ) -> Contours | list[Contours]:
        """Find the instances of one image or of several.

        Args:
            images: an (H, W, 3) uint8 RGB array, a path, a PIL image, a (3, H, W) tensor (uint8,
                or floats from 0 to 1), or a sequence of them (sizes may differ); a (B, 3, H, W)
                tensor is a sequence. What else is understood: `image_input.to_pixels`.
            score_threshold: detections below it are left out; 0.3 without, as in `demo.py`.
                Evaluation takes `card.score_threshold`.
            stage: which contour; the model's own without.
            source: name for the result of an array or tensor; files are called by their path.
            batch_size: so many images of a sequence are read at a time; neighbours among them that
                the network is shown at one size go through it together.

        Returns:
            Contours in pixels of the original image, by falling score; a list for a sequence. Of a
            network with part votes, an instance has all parts that vote for one centre and the
            score of the best of them.

        Raises:
            InputError: a file is missing or no image, or an image or its input is too large.
            ValueError: an array or tensor is no image, no such stage, `batch_size` below 1.
            TypeError: something else than an image.
        """
        if batch_size < 1:
            raise ValueError(f"batch_size must be 1 or more, not {batch_size}")
        batch, single = image_list(images)
        threshold = DEFAULT_SCORE if score_threshold is None else score_threshold
        results: list[Contours] = []
        for start in range(0, len(batch), batch_size):
            results += self._predict_some(
                batch[start : start + batch_size], threshold, stage or self.card.stage, source
            )
        return results[0] if single else results

    def _predict_some(
        self, images: list[ImageLike], score_threshold: float, stage: Stage, source: str | None
    ) -> list[Contours]:
        """Images that fit into memory at once; those shown at one size form a batch."""
        pixels = [to_pixels(image) for image in images]
        sources = [image_source(image, source) for image in images]
        shown = [show(self.card.view, *pair) for pair in zip(pixels, sources, strict=True)]
        results: list[Contours] = []
        start = 0
        while start < len(shown):
            stop = start + 1
            while stop < len(shown) and shown[stop][0].shape == shown[start][0].shape:
                stop += 1
            results += self._predict_batch(
                pixels[start:stop],
                shown[start:stop],
                sources[start:stop],
                score_threshold,
                stage,
            )
            start = stop
        return results

    @torch.inference_mode()
    def _predict_batch(
        self,
        pixels: list[np.ndarray],
        shown: list[tuple[np.ndarray, np.ndarray]],
        sources: list[str | None],
        score_threshold: float,
        stage: Stage,
    ) -> list[Contours]:
        stacked = torch.from_numpy(np.stack([image for image, _ in shown]))
        # Pixels lie channels last already.
        images = normalize(stacked.to(self.device).permute(0, 3, 1, 2))
        with self._autocast:
            output = self.network(
                images.to(self._input_type),
                score_threshold=score_threshold,
                max_detections=self.card.max_detections,
            )
        image_index = output.image_index.cpu().numpy()
        contours = select_stage(output.contours, stage).cpu().double().numpy()
        scores = output.scores.cpu().double().numpy()
        labels = output.classes.cpu().numpy()
        votes = None
        if output.object_centers is not None and self.card.group_parts:
            votes = (output.object_centers.cpu().double() * STRIDE).numpy()
        # By image, as the rows stand: one slice each.
        bounds = np.searchsorted(image_index, np.arange(len(pixels) + 1))
        results = []
        for i, (image, (_, matrix)) in enumerate(zip(pixels, shown, strict=True)):
            mine = slice(bounds[i], bounds[i + 1])
            results.append(
                self._contours(
                    restore_points(contours[mine], matrix),
                    None if votes is None else restore_points(votes[mine], matrix),
                    labels[mine],
                    scores[mine],
                    image.shape[:2],
                    sources[i],
                )
            )
        return results

    def _contours(
        self,
        points: np.ndarray,
        votes: np.ndarray | None,
        labels: np.ndarray,
        scores: np.ndarray,
        size: tuple[int, int],
        source: str | None,
    ) -> Contours:
        """Doubles go first, then parts are grouped: a double of a part fits that part better than
        the box of the whole object."""
        keep = suppress(contour_boxes(points), scores, labels, self.card.nms_iou)
        groups = [keep[i : i + 1] for i in range(len(keep))]
        if votes is not None:
            found = group_parts(points[keep], votes[keep], scores[keep], labels[keep])
            groups = [keep[group] for group in found]
        # The parts of a group stand by falling score: its best part speaks for it.
        best = np.array([group[0] for group in groups], np.int64)
        return Contours(
            height=size[0],
            width=size[1],
            class_names=self.card.class_names,
            category_ids=self.card.category_ids,
            labels=labels[best],
            scores=scores[best],
            parts=[[points[i] for i in group] for group in groups],
            source=source,
        )


def load_model(
    weights: str | Path | None = None,
    *,
    device: str = "auto",
    preset: str | None = None,
    precision: Precision = "fp32",
    compile: bool = False,
    cuda_graphs: bool = False,
    view: TestView | None = None,
) -> Predictor:
    """A model ready to predict.

    Args:
        weights: a `.safetensors` file of a training run, or a published `.pth` checkpoint (then
            with `preset`); the bundled model without.
        device: auto, cpu, cuda or mps.
        preset: the preset a published checkpoint belongs to; its test geometry and, as far as
            the counts agree, its class names are used.
        precision: fp32, bf16 or fp16 (GPU alone); coordinates and scores stay fp32.
        compile: `torch.compile` the network: for a GPU; takes minutes at first.
        cuda_graphs: replay recorded kernels on a CUDA device: for images of few sizes.
        view: how images are shown, e.g. `e2ec.TestView("pad", zoom=2.0)`; the weights' without.

    Raises:
        InputError: the file is missing, damaged, holds code, or does not fit; or the device
            lacks what is asked of it.
        ValueError: the view asks for more than the limits of a weights file.
    """
    path = Path(weights) if weights is not None else BUNDLED_WEIGHTS
    if is_published(path):
        from e2ec.engine.published import load_published_model

        network, card = load_published_model(path, preset)
    else:
        network, card = load_weights(path)
    return Predictor(
        network,
        card if view is None else replace(card, view=view),
        device=select_device(device),
        precision=precision,
        compile=compile,
        cuda_graphs=cuda_graphs,
    )


def is_published(path: Path) -> bool:
    """Whether a weights file is one of the authors', by its name: they are `.pth` files."""
    return path.suffix in (".pth", ".pt")
