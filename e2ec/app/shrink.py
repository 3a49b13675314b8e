"""Weights at half the size: `python -m e2ec.app.shrink WEIGHTS OUT` writes them as float16.

They are widened to float32 when they are loaded; the description inside is kept.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import torch

from e2ec.app.commands.command_line import run
from e2ec.engine.weights.checkpoint import load_weights, save_weights


def main() -> int:
    """Parse, convert, say what was written."""
    parser = argparse.ArgumentParser(
        prog="python -m e2ec.app.shrink", description=(__doc__ or "").splitlines()[0]
    )
    parser.add_argument("weights", type=Path, help="weights of a training run (.safetensors)")
    parser.add_argument("out", type=Path, help="file to write")
    options = parser.parse_args()
    network, card = load_weights(options.weights)
    save_weights(options.out, network, card, dtype=torch.float16)
    print(f"{options.out}: {options.out.stat().st_size / 1e6:.1f} MB")
    return 0


if __name__ == "__main__":
    sys.exit(run(main))
