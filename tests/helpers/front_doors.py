"""Calling train.py, test.py and demo.py in a test, and small inputs for them."""

from __future__ import annotations

import io
import json
import re
import runpy
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

ROOT = Path(__file__).parents[2]
TINY = [
    "synthetic", "--device", "cpu", "--data.synthetic-train", "4", "--data.synthetic-val", "2",
    "--data.workers", "0", "--data.augmentation.crop-size", "64", "64", "--train.epochs", "1",
    "--train.batch-size", "2", "--eval.iou-types", "segm", "--eval.max-detections", "5",
]  # fmt: skip


@dataclass(frozen=True)
class Ending:
    """How a front door ended."""

    status: int
    out: str
    err: str


def call(program: str, *arguments: object) -> Ending:
    """Run a front door in this process, as `python PROGRAM ARGUMENTS`."""
    with pytest.MonkeyPatch.context() as patch:
        out, err = io.StringIO(), io.StringIO()
        patch.setattr(sys, "argv", [program, *map(str, arguments)])
        patch.setattr(sys, "stdout", out)
        patch.setattr(sys, "stderr", err)
        with pytest.raises(SystemExit) as ended:
            runpy.run_path(str(ROOT / program), run_name="__main__")
        code = ended.value.code
    return Ending(code if isinstance(code, int) else 1, out.getvalue(), err.getvalue())


def assert_one_line_error(ending: Ending, *parts: object) -> None:
    """Status 1, no traceback, and, progress bars aside, one line that names `parts`."""
    assert ending.status == 1, ending
    assert "Traceback" not in ending.err and "Error" not in ending.out
    lines = [line for line in re.split(r"[\r\n]+", ending.err) if line.strip()]
    lines = [line for line in lines if not re.search(r"\d+%\|.*\|.*\[.*\]$|it/s\]|\[00:00", line)]
    assert len(lines) == 1 and lines[0].startswith("error: "), ending.err
    for part in parts:
        assert str(part) in lines[0], lines[0]


def assert_usage_error(ending: Ending, *parts: str) -> None:
    assert ending.status == 2, ending
    assert "Traceback" not in ending.err
    shown = re.sub(r"[\s│]+", " ", ending.err + ending.out)
    for part in parts:
        assert part in shown, shown


def coco_folder(folder: Path, *, classes: int = 1, images: int = 2, **changes: Any) -> Path:
    """A tiny data set for the `nuclei` preset: squares on noise.

    `changes` replace keys of the last annotation of both files.
    """
    rng = np.random.default_rng(0)
    (folder / "images").mkdir(parents=True)
    document: dict[str, Any] = {
        "images": [], "annotations": [],
        "categories": [{"id": k, "name": f"class {k}"} for k in range(1, classes + 1)],
    }  # fmt: skip
    for number in range(1, images + 1):
        name = f"{number}.jpg"
        picture = rng.integers(0, 256, (64, 64, 3), dtype=np.uint8)
        assert cv2.imwrite(str(folder / "images" / name), picture)
        document["images"].append({"id": number, "file_name": name, "width": 64, "height": 64})
        document["annotations"].append(
            {
                "id": number, "image_id": number, "category_id": 1, "iscrowd": 0, "area": 900.0,
                "bbox": [10.0, 10.0, 30.0, 30.0],
                "segmentation": [[10.0, 10.0, 40.0, 10.0, 40.0, 40.0, 10.0, 40.0]],
            }
        )  # fmt: skip
    document["annotations"][-1].update(changes)
    for split in ("train", "val"):
        (folder / f"instances_{split}.json").write_text(json.dumps(document))
    return folder


def write_picture(path: Path, height: int = 48, width: int = 80) -> Path:
    rng = np.random.default_rng(height)
    assert cv2.imwrite(str(path), rng.integers(0, 256, (height, width, 3), dtype=np.uint8))
    return path


def write_video(path: Path, frames: int = 1) -> Path:
    """Noise of 96 x 64 pixels, 10 frames a second."""
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), 10.0, (96, 64))
    rng = np.random.default_rng(0)
    for _ in range(frames):
        writer.write(rng.integers(0, 256, (64, 96, 3), dtype=np.uint8))
    writer.release()
    return path
