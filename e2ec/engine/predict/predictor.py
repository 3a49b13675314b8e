"""Prediction: images in, `Contours` out."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import overload

import numpy as np
import torch

from dataset.transforms.test_transform import TestView
from e2ec.config import Precision
from e2ec.engine.predict.device import select_device
from e2ec.engine.predict.image_input import ImageLike, image_list, image_source, to_pixels
from e2ec.engine.predict.ready_model import ReadyModel
from e2ec.engine.predict.refine_forms import Refinable, in_form_of, to_contours
from e2ec.engine.predict.views import OneView, Views, checked_views, predict_views
from e2ec.engine.weights.checkpoint import load_network
from e2ec.families.bundled import BUNDLED_WEIGHTS
from e2ec.families.family import ShownImage
from e2ec.families.model_card import ModelCard
from e2ec.results.contours import Contours
from e2ec.results.default_score import DEFAULT_SCORE
from e2ec.results.outlines import Outlines, with_outlines
from network.sharp.settings import EvolutionSettings


class Predictor(ReadyModel):
    """A network with everything needed to use it on images.

    Any number of threads may call `predict`, `predict_stages` and `refine` at the same time: each
    gets the results that it would get alone, to the last digit on a CPU. A batch of images reads
    the card once, so that one that is exchanged meanwhile counts from the next batch on. With
    `cuda_graphs` calls wait for each other. Threads do not make a CPU faster whose cores are all at
    work.

    Attributes:
        card: what the network was trained for.
        stages: names of its stages in order, each once: init, coarse, refine1, ...
        views: in which images are seen; what is found in several is merged (docs/test-time.md).
    """

    views: Views = Views()

    @overload
    def predict(
        self,
        images: ImageLike,
        *,
        score_threshold: float | None = None,
        stage: str | None = None,
        source: str | None = None,
        batch_size: int = 8,
    ) -> Contours: ...

    @overload
    def predict(
        self,
        images: list[ImageLike] | tuple[ImageLike, ...],
        *,
        score_threshold: float | None = None,
        stage: str | None = None,
        source: str | None = None,
        batch_size: int = 8,
    ) -> list[Contours]: ...

    def predict(
        self,
        images: ImageLike | Sequence[ImageLike],
        *,
        score_threshold: float | None = None,
        stage: str | None = None,
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
            stage: which contour; None takes the model's own.
            source: name for the result of an array or tensor; files are called by their path.
            batch_size: how many images of a sequence are read at a time; neighbours of one input
                size go through the network together.

        Returns:
            Contours in pixels of the original image, by falling score; a list for a sequence. Of a
            network with part votes, an instance has all parts that vote for one centre and the
            score of the best of them.

        Raises:
            InputError: a file is missing or no image, an image or its input is too large, or the
                network lacks this stage or finds nothing by itself.
            ValueError: an array or tensor is no image, no such stage, `batch_size` below 1.
            TypeError: something else than an image.
        """
        batch, single = image_list(images)
        if stage:
            self.family.check_stage(stage)
        chosen = stage or self.card.stage
        found = self.predict_stages(
            batch,
            stages=[chosen],
            score_threshold=DEFAULT_SCORE if score_threshold is None else score_threshold,
            source=source,
            batch_size=batch_size,
        )
        results = [by_stage[chosen] for by_stage in found]
        return results[0] if single else results

    def predict_stages(
        self,
        images: list[ImageLike],
        *,
        stages: Sequence[str] | None = None,
        score_threshold: float | None = None,
        source: str | None = None,
        batch_size: int = 8,
    ) -> list[dict[str, Contours]]:
        """What `predict` says at several stages (all of `self.stages` without), by their names.

        The network runs once, and no further than the last of them. Each result is the one that
        `predict` gives for that stage alone, at the same threshold; without one it is the model's
        own, which evaluation wants.
        """
        self.require_detector()
        if batch_size < 1:
            raise ValueError(f"batch_size must be 1 or more, not {batch_size}")
        threshold = self.card.score_threshold if score_threshold is None else score_threshold
        asked = self.stages if stages is None else stages
        results: list[dict[str, Contours]] = []
        for start in range(0, len(images), batch_size):
            card = self.card
            predict = partial(
                self._predict_some, images[start : start + batch_size], card, asked, source
            )
            results += predict_views(predict, self.views, threshold, card)
        return results

    def _predict_some(
        self,
        images: list[ImageLike],
        card: ModelCard,
        stages: Sequence[str],
        source: str | None,
        seen: OneView,
        score_threshold: float,
    ) -> list[dict[str, Contours]]:
        """Images that fit into memory at once; neighbours shown at one size form a batch."""
        inputs, shown = [], []
        for image in images:
            pixels, name = to_pixels(image), image_source(image, source)
            view, matrix = seen.show(pixels, card.view, name)
            inputs.append(view)
            shown.append(ShownImage((pixels.shape[0], pixels.shape[1]), matrix, name))
        results: list[dict[str, Contours]] = []
        for _, batch in itertools.groupby(inputs, key=np.shape):
            stacked = np.stack(list(batch))
            mine = shown[len(results) : len(results) + len(stacked)]
            results += self._predict_batch(stacked, mine, card, score_threshold, stages)
        return results

    def refine(
        self,
        image: ImageLike,
        what: Refinable,
        *,
        evolution: EvolutionSettings | None = None,
        source: str | None = None,
    ) -> Refinable:
        """Move the outlines of instances, whoever found them, to the boundaries in the image.

            masks = other_model(photo)                   # (n, H, W), bool or uint8
            sharper = model.refine(photo, masks)         # the same shape and type

        Parts and holes move each for itself, and none is lost: what would fall apart keeps its
        outline, an empty mask stays empty. What nothing moves comes back as it was, to the last
        pixel.

        Args:
            image: one, as in `predict`.
            what: `Contours`, of which everything else is kept; masks (n, H, W) or (H, W), one
                number other than zero inside; or a list with an (N, 2) polygon an instance, x then
                y, pixels of the image, or a list of them, its parts.
            evolution: how contours move; None as the weights say.
            source: the image's name in messages, if it is no file.

        Returns:
            The same form: contours, masks of the same type (inside as it was: 1, 255, ...), or
            polygons, which have more vertices.

        Raises:
            InputError: the weights have no stage for it, the image is unusable, or contours or
                masks have another size.
            ValueError: an array or tensor is no image, masks or polygons are none, or a mask holds
                several numbers, as an image of labels does.
        """
        card = self.card
        pixels, name = to_pixels(image), image_source(image, source)
        size = (pixels.shape[0], pixels.shape[1])
        given = to_contours(what, size, name)
        view, matrix = card.view.apply(pixels, name)
        shown = ShownImage(size, matrix, name)

        @torch.inference_mode()
        def change(outlines: Outlines) -> Outlines:
            with self._autocast():
                images = self._input(np.stack([view]))
                return self.family.refine(
                    self.network, images, shown, outlines, card, evolution=evolution
                )

        return in_form_of(what, with_outlines(given, change))

    @torch.inference_mode()
    def _predict_batch(
        self,
        batch: np.ndarray,
        shown: list[ShownImage],
        card: ModelCard,
        score_threshold: float,
        stages: Sequence[str],
    ) -> list[dict[str, Contours]]:
        images = self._input(batch)
        with self._autocast():
            output = self.family.predict_shown(
                self.network, images, shown, card, score_threshold=score_threshold, stages=stages
            )
        return self.family.instances(output, shown, card, stages)


def load_model(
    weights: str | Path | None = None,
    *,
    device: str = "auto",
    preset: str | None = None,
    precision: Precision = "fp32",
    compile: bool = False,
    cuda_graphs: bool = False,
    view: TestView | None = None,
    views: Views | None = None,
) -> Predictor:
    """A model ready to predict.

    Args:
        weights: a `.safetensors` file of a training run, or a published `.pth` checkpoint (then
            with `preset`); None takes the bundled model.
        device: auto, cpu, cuda or mps.
        preset: the preset a published checkpoint belongs to; its test geometry and, as far as
            the counts agree, its class names are used.
        precision: fp32, bf16 or fp16 (GPU alone) convolutions; coordinates and scores stay fp32.
        compile: `torch.compile` the network, for a GPU; the first image, the first of other sizes
            and the first with no or one instance take minutes.
        cuda_graphs: record what covers the image once for every size of the input and number of
            images, then replay it on a CUDA device; the last four are kept
            (`network.inference.cuda_graphs`). Where sizes keep changing, recordings cost more than
            they save, and each holds the memory of one run.
        view: how images are shown, e.g. `e2ec.TestView("pad", zoom=2.0)`; None takes the
            one that the weights name.
        views: mirrors and further sizes in which every image is also seen, e.g.
            `Views("horizontal", (1.0, 1.5))` of `e2ec.engine.predict.views`; None takes none.

    Raises:
        InputError: the file is missing, damaged, holds code, or does not fit; or the device
            lacks what is asked of it.
        ValueError: the view asks for more than the limits of a weights file.
    """
    path = BUNDLED_WEIGHTS if weights is None else Path(weights)
    _, network, card = load_network(path, preset=preset)
    predictor = Predictor(
        network,
        card if view is None else replace(card, view=view),
        device=select_device(device),
        precision=precision,
        compile=compile,
        cuda_graphs=cuda_graphs,
    )
    if views is not None and not views.plain:
        predictor.views = checked_views(views, predictor.family)
    return predictor
