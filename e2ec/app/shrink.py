"""Weights at half the size: `python -m e2ec.app.shrink WEIGHTS OUT` writes them as float16.

They are widened to float32 when they are loaded; the description inside is kept.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from tyro.conf import Positional, arg

from e2ec.app.commands.command_line import run
from e2ec.app.commands.options import parse_options


@dataclass(frozen=True)
class ShrinkOptions:
    """Write weights at half the size, as float16."""

    weights: Annotated[Positional[Path], arg(metavar="WEIGHTS")]
    """Weights of a training run (.safetensors)."""
    out: Annotated[Positional[Path], arg(metavar="OUT")]
    """File to write."""


def main() -> int:
    """Parse, convert, say what was written."""
    options = parse_options(ShrinkOptions, sys.argv[1:], "python -m e2ec.app.shrink")
    import torch

    from e2ec.engine.weights.checkpoint import load_weights, save_weights

    network, card = load_weights(options.weights)
    save_weights(options.out, network, card, dtype=torch.float16)
    print(f"{options.out}: {options.out.stat().st_size / 1e6:.1f} MB")
    return 0


if __name__ == "__main__":
    sys.exit(run(main))
