"""The command line of `python -m e2ec card`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from tyro.conf import FlagCreatePairsOff, Positional, UseAppendAction, arg

from e2ec.presets import load_preset


@dataclass(frozen=True)
class CardOptions:
    """Show what a weights file says of itself, and change it. The weights inside stay as they are.

    Example: python -m e2ec card weights.safetensors --set view.zoom=2 class_names.0=cell
    --out mine.safetensors
    """

    weights: Annotated[Positional[Path], arg(metavar="WEIGHTS")]
    """Weights of a training run, or published ones."""
    preset: str = "coco"
    """The preset that published weights belong to, e.g. mask_rcnn for torchvision's."""
    json: FlagCreatePairsOff[bool] = False
    """Print all of it as JSON."""
    typed: Annotated[
        UseAppendAction[tuple[tuple[str, ...], ...]], arg(name="set", metavar="NAME=VALUE ...")
    ] = ()
    """Change fields; the names are those that are shown."""
    out: Path | None = None
    """File to write with the changes."""
    in_place: FlagCreatePairsOff[bool] = False
    """Write the changes into the file."""

    def __post_init__(self) -> None:
        load_preset(self.preset)
        if self.out is not None and self.in_place:
            raise ValueError("--out is not allowed with --in-place")
        if self.changes and self.place is None:
            raise ValueError("--set needs --out FILE for a changed copy, or --in-place")
        if self.place is not None and not self.changes:
            raise ValueError("nothing to write: give --set NAME=VALUE")

    @property
    def changes(self) -> tuple[str, ...]:
        """Fields to change, each NAME=VALUE."""
        return tuple(change for words in self.typed for change in words)

    @property
    def place(self) -> Path | None:
        """The file to write with the changes, if any."""
        return self.weights if self.in_place else self.out
