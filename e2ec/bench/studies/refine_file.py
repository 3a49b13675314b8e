"""Refining a large results file: its memory, and what is left when it is killed again and again.

    python -m e2ec.bench.studies.refine_file WEIGHTS [--images 5000] [--each 20] [--kills 0]
        [--seed 0]

makes so many images (a few pictures by many names) with so many masks each, refines them in a
process of its own, and says how much memory that took at most. With --kills the same is done again,
killed by SIGKILL so many times at random moments and started again, and compared byte by byte.
"""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from pycocotools import mask as coco_mask
from tyro.conf import Positional

from e2ec.app.commands.command_line import run
from e2ec.app.commands.options import parse_options
from lib.images import write_image

_SIDE = 128
_PICTURES = 8


@dataclass(frozen=True)
class RefineFileOptions:
    """Refine a generated results file; memory, and kills."""

    weights: Positional[Path]
    """Weights with the stage sharp."""
    images: int = 5000
    """So many images."""
    each: int = 20
    """So many masks an image."""
    kills: int = 0
    """So often a second run is killed."""
    seed: int = 0
    """Of the images, the masks and the moments."""


def write_data(folder: Path, options: RefineFileOptions) -> list[str]:
    """Images, the file that names them, and results; returns the words of the command."""
    rng = np.random.default_rng(options.seed)
    pictures, masks = folder / "images", []
    pictures.mkdir()
    for number in range(_PICTURES):
        noise = rng.integers(0, 256, (_SIDE // 8, _SIDE // 8, 3), dtype=np.uint8)
        write_image(pictures / f"{number}.png", cv2.resize(noise, (_SIDE, _SIDE)))
    for _ in range(64):
        mask = np.zeros((_SIDE, _SIDE), np.uint8)
        x, y, long, short = (int(value) for value in rng.integers(10, _SIDE - 10, 4))
        turn = float(rng.uniform(0, 180))
        cv2.ellipse(mask, (x, y), (long // 3 + 3, short // 3 + 3), turn, 0, 360, 1, -1)
        found = coco_mask.encode(np.asfortranarray(mask))
        masks.append({"size": [_SIDE, _SIDE], "counts": found["counts"].decode()})
    for number in range(_PICTURES, options.images):
        os.link(pictures / f"{number % _PICTURES}.png", pictures / f"{number}.png")
    listed = [
        {"id": number, "file_name": f"{number}.png", "height": _SIDE, "width": _SIDE}
        for number in range(options.images)
    ]
    (folder / "images.json").write_text(json.dumps({"images": listed}))
    with (folder / "results.json").open("w") as file:
        for number in range(options.images * options.each):
            entry = {
                "image_id": number // options.each, "category_id": 1, "score": float(rng.random()),
                "segmentation": masks[int(rng.integers(len(masks)))],
            }  # fmt: skip
            file.write(f"{',' if number else '['}{json.dumps(entry)}")
        file.write("]")
    options_of_all = {
        "results": folder / "results.json", "images": pictures,
        "annotations": folder / "images.json", "weights": options.weights, "device": "cpu",
    }  # fmt: skip
    words = [sys.executable, "-m", "e2ec", "refine"]
    return [*words, *(word for name, value in options_of_all.items()
                      for word in (f"--{name}", str(value)))]  # fmt: skip


def measured(words: list[str], out: Path) -> tuple[float, float]:
    """Refine to the end: seconds, and the most memory that was held, MiB."""
    start = time.perf_counter()
    process = subprocess.Popen([*words, "--out", str(out)], stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise RuntimeError(f"the command ended with status {status}")
    return time.perf_counter() - start, usage.ru_maxrss / 1024


def run_killed(words: list[str], out: Path, *, kills: int, seconds: float, seed: int) -> list[int]:
    """Refine, killed again and again and at last to the end; the lines found after each kill."""
    rng, lines = random.Random(seed), []
    for _ in range(kills):
        process = subprocess.Popen([*words, "--out", str(out)], stdout=subprocess.DEVNULL)
        try:
            process.wait(rng.uniform(0, 2 * seconds / kills))
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            process.wait()
        journal = out.with_name(f"{out.name}.part") / "results.json"
        lines.append(journal.read_bytes().count(b"\n") if journal.exists() else 0)
    measured(words, out)
    return lines


def main() -> int:
    """Refine, kill if asked to, and say what was seen."""
    options = parse_options(RefineFileOptions, None)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        words = write_data(folder, options)
        size = (folder / "results.json").stat().st_size / 2**20
        seconds, memory = measured(words, folder / "whole.json")
        written = (folder / "whole.json").read_bytes()
        entries = len(json.loads(written))
        print(
            f"{options.images} images, {entries} of {options.images * options.each} entries, "
            f"results of {size:.0f} MiB: {seconds:.0f} s, {memory:.0f} MiB at most"
        )
        if options.kills:
            out = folder / "killed.json"
            lines = run_killed(words, out, kills=options.kills, seconds=seconds, seed=options.seed)
            same = out.read_bytes() == written
            print(f"killed with {lines} entries done; at last {'the same' if same else 'OTHER'} "
                  "bytes")  # fmt: skip
    return 0


if __name__ == "__main__":
    sys.exit(run(main))
