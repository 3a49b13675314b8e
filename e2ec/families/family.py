"""A family: one kind of model, and all that the engine, the commands and the files know of it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar, Generic, TypeVar

import numpy as np
import torch
from torch import Tensor, nn

from dataset.loading.loader import TrainingDataset
from dataset.loading.sample import InstanceDataset, Sample
from dataset.masks.rings import Component
from e2ec.config import Config, Precision
from e2ec.families.model_card import ModelCard
from e2ec.families.preprocess import normalize
from e2ec.families.protocols import Batch, Loss
from e2ec.families.shown_image import ShownImage
from e2ec.results.contours import Contours
from lib.errors import InputError
from network.sharp.settings import EvolutionSettings

__all__ = ["Batch", "Family", "Loss", "ShownImage"]

Network = TypeVar("Network", bound=nn.Module)
Example = TypeVar("Example")


class Family(ABC, Generic[Network, Example]):
    """What makes a kind of model different. Stateless: settings come with every call."""

    name: ClassVar[str]
    """In weights files."""
    card_type: ClassVar[type[ModelCard]] = ModelCard
    """What a weights file says of itself."""
    falling_losses: ClassVar[Mapping[str, str]] = {}
    """The losses that fall wherever anything is learned, by name, and what each is of: a run in
    which none of them does is doubted. None where any may rise on the way."""
    starts_from: ClassVar[tuple[str, ...]] = ()
    """Names of other families whose weights training may start from, as far as `untransferred`
    lets them."""
    detects: ClassVar[bool] = True
    """Whether networks find instances in pixels alone. Those that do not refine what they are
    given (`given`, `refine`), which may be of any classes."""
    merges: ClassVar[bool] = False
    """Whether what is found in several views of an image can be made one
    (`e2ec.results.postprocess.merge_views`): instances are polygons without holes, of equally many
    vertices and walked the same way, and `instances` follows matrices that mirror."""

    # ---- the network

    @abstractmethod
    def build(self, config: Config, num_classes: int) -> Network:
        """A network with random weights (torch's generator is seeded), in training mode."""

    def start_parts(self, config: Config, network: Network) -> None:
        """Put weights of parts that were trained elsewhere into a network of random weights, in
        place, as the settings say. Training that starts anew, and from no `model.weights`, asks for
        it; by default there are none.

        Raises:
            InputError: they are unusable.
        """
        return

    def rate_factors(self, config: Config) -> dict[str, float]:
        """Beginnings of parameter names, and what the learning rate of each is multiplied by."""
        return {}

    @abstractmethod
    def from_state(self, state: Mapping[str, Tensor], card: Any, *, name: str) -> Network:
        """The network of a weights file, in evaluation mode.

        Raises:
            InputError: weights and card do not fit; `name` is the file.
        """

    @abstractmethod
    def stages(self, network: Network) -> tuple[str, ...]:
        """Names of the network's results in order, the last one made last; at least one."""

    @abstractmethod
    def num_classes(self, network: Network) -> int:
        """The number of classes that a network tells apart."""

    def check_stage(self, stage: str) -> None:
        """Refuse a name that no network of the family has for a stage; any may be one here.

        Raises:
            ValueError: says what stages are called.
        """
        return

    def resolve_stage(self, stage: str, stages: Sequence[str]) -> str:
        """Which of `stages` a name means; an empty one means the last.

        Raises:
            InputError: none of them; says which there are.
        """
        if not stage:
            return stages[-1]
        if stage not in stages:
            raise InputError(f"stage {stage}: this network has {', '.join(stages)}")
        return stage

    def normalize(self, images: Tensor) -> Tensor:
        """Pixels as the network takes them.

        Args:
            images: (B, 3, h, w) uint8, RGB.

        Returns:
            (B, 3, h, w) float32, on the device of `images`; here BGR, with COCO's means and
            standard deviations.
        """
        return normalize(images)

    # ---- training

    @abstractmethod
    def example_maker(
        self, config: Config, num_classes: int
    ) -> Callable[[Sample, np.random.Generator], Example]:
        """What makes a training example of a sample. It is sent to loader workers."""

    @abstractmethod
    def collate(self, examples: Sequence[Example]) -> Batch:
        """Examples of equal image size, stacked. Called in loader workers."""

    @abstractmethod
    def loss(self, config: Config) -> Loss:
        """The losses."""

    @abstractmethod
    def forward(self, network: nn.Module, images: Tensor, batch: Any) -> Any:
        """The network's output on normalised images (B, 3, h, w), told what labels it needs."""

    def wants_teacher(self, config: Config, *, epoch: int) -> bool:
        """Whether the losses of an epoch, counted from 0, compare with what the moving average of
        the weights says of the same batch."""
        return False

    def taught(self, output: Any, teacher: nn.Module, images: Tensor, batch: Any) -> Any:
        """The output of `forward` together with that of the moving average, without a gradient.

        Args:
            output: of the network that learns.
            teacher: the moving average, of the same kind; its weights and statistics stay.
            images, batch: as in `forward`.
        """
        return output

    def label_sheet(
        self, config: Config, examples: TrainingDataset, *, title: str, count: int
    ) -> np.ndarray | None:
        """A picture of training examples as the network sees them, (H, W, 3) uint8 RGB; None where
        there is no example, or the family draws none."""
        return None

    def untransferred(self, source: Network, network: Network) -> tuple[str, ...]:
        """Prefixes of parameters that `network` does not take over when it starts from `source`:
        they keep their random start, and may be absent on either side. `source` may be of one of
        the families in `starts_from`."""
        return ()

    def start_state(self, source: Network, network: Network) -> dict[str, Tensor]:
        """The weights of `source` by the names that they have in `network`, which starts from them;
        see `untransferred`."""
        return source.state_dict()

    def resolve(
        self, config: Config, train: InstanceDataset, *, processes: int
    ) -> tuple[Config, list[str]]:
        """Settings with nothing in `Config.auto` left open, agreeing with the weights to start
        from, and what to tell the user of them.

        Raises:
            InputError: nothing can be chosen from this data, or the weights do not fit.
        """
        return replace(config, auto=()), []

    # ---- prediction

    @abstractmethod
    def prepare(
        self,
        network: Network,
        *,
        device: torch.device,
        precision: Precision,
        compile: bool,
        cuda_graphs: bool,
    ) -> Any:
        """A copy made ready for `predict`; the original stays trainable.

        Raises:
            InputError: the family has no such precision or way of running.
        """

    @abstractmethod
    def predict(self, prepared: Any, images: Tensor, card: Any, *, score_threshold: float) -> Any:
        """What a prepared network says of normalised images (B, 3, h, w)."""

    def predict_shown(
        self,
        prepared: Any,
        images: Tensor,
        shown: Sequence[ShownImage],
        card: Any,
        *,
        score_threshold: float,
        stages: Sequence[str],
    ) -> Any:
        """`predict`, for networks that make a difference between an image and what pads it, or
        that need not make what only other stages than `stages` are made of."""
        return self.predict(prepared, images, card, score_threshold=score_threshold)

    @abstractmethod
    def instances(
        self, output: Any, shown: Sequence[ShownImage], card: Any, stages: Sequence[str]
    ) -> list[dict[str, Contours]]:
        """The result of every image at every one of `stages`, in pixels of the original images."""

    def given(self, sample: Sample, card: Any) -> Contours:
        """What is refined where a labelled image is evaluated, in place of what a detector finds.

        Asked of families that do not detect. They have two stages: what is given, and what
        `refine` makes of it. Equal samples give equal outlines.

        Args:
            sample: the image with its labels.
            card: of the network, with the classes of the data.
        """
        raise NotImplementedError

    def refine(
        self,
        prepared: Any,
        images: Tensor,
        shown: ShownImage,
        instances: Sequence[Sequence[Component]],
        card: Any,
        *,
        evolution: EvolutionSettings | None = None,
    ) -> list[list[Component]]:
        """Outlines that somebody else has found in an image, refined.

        Args:
            prepared: from `prepare`.
            images: (1, 3, h, w), normalised.
            shown: where it came from.
            instances: by instance its parts, each an outer ring with its holes, (N, 2), x then y,
                pixels of the original image. Without any, nothing is computed.
            card: of the network.
            evolution: how contours move; None as the card says.

        Returns:
            As many instances of as many parts and holes. What is kept is the array that was given.

        Raises:
            InputError: the network refines nothing.
        """
        raise InputError(
            f"models of the family {self.name} refine no outlines; use weights with the stage sharp"
        )

    # ---- weights files

    def card_fields(self, config: Config) -> dict[str, Any]:
        """What a card takes from the settings besides what all families take."""
        return {}

    def network_fields(self, config: Config) -> dict[str, Any]:
        """What of a card says how the network is built: no settings change it afterwards."""
        return {}

    def describe(self, network: Network) -> dict[str, tuple[int, str]]:
        """What to show of a network besides its card: numbers by name, and what each is of."""
        return {}

    def published_network(self, path: Path) -> Network:
        """The network of a checkpoint of the method's authors, in evaluation mode.

        Raises:
            InputError: there are none of this family, or the file is unusable.
        """
        raise InputError(f"{path}: there are no published checkpoints of the family {self.name}")

    def published_start(self, path: Path) -> nn.Module:
        """The network of such a checkpoint where training starts from it; it may be of one of the
        families in `starts_from`."""
        return self.published_network(path)

    def published_card(self, network: Network, config: Config) -> ModelCard:
        """A card for a published network, which has none, from the settings of its preset."""
        raise NotImplementedError
