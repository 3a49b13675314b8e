"""stages.json: what an evaluation found at the stages that results.json is not of.

Reports show examples from it. It holds a part of large data sets, since every stage takes as much
room as results.json.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lib.errors import InputError
from lib.files import atomic_write_json, read_json

NAME = "stages.json"
MOST_IMAGES = 500
Results = list[dict[str, Any]]


@dataclass(frozen=True)
class StageFile:
    """Stages of an evaluation.

    Attributes:
        stages: their names, in order.
        evaluated: the one that results.json is of.
        images: ids of the images that the others are kept of.
        results: COCO results of those images by stage, without the evaluated one.
    """

    stages: tuple[str, ...]
    evaluated: str
    images: tuple[int, ...]
    results: dict[str, Results] = field(default_factory=dict)


def write_stages(
    folder: Path, by_stage: Mapping[str, Results], evaluated: str, image_ids: Sequence[int]
) -> None:
    """Keep the other stages of at most `MOST_IMAGES` images, spread evenly over all.

    Written too where there are none, so that those of an earlier evaluation do not stay.
    """
    count = min(MOST_IMAGES, len(image_ids))
    images = [int(image_ids[number * len(image_ids) // count]) for number in range(count)]
    kept = set(images)
    others = {
        stage: [result for result in results if result["image_id"] in kept]
        for stage, results in by_stage.items()
        if stage != evaluated
    }
    document = {
        "stages": [*by_stage],
        "evaluated": evaluated,
        "images": images,
        "results": others,
    }
    atomic_write_json(folder / NAME, document)


def read_stages(folder: Path) -> StageFile | None:
    """What `write_stages` wrote; None where evaluations did not write it yet.

    Raises:
        InputError: the file is damaged.
    """
    path = folder / NAME
    if not path.is_file():
        return None
    document = read_json(path)
    try:
        found = StageFile(
            stages=tuple(map(str, document["stages"])),
            evaluated=str(document["evaluated"]),
            images=tuple(map(int, document["images"])),
            results={str(stage): list(found) for stage, found in document["results"].items()},
        )
        if {*found.results, found.evaluated} != {*found.stages}:
            raise ValueError("the stages and the results are not of the same names")
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise InputError(
            f"{path}: not what test.py writes ({error}); evaluate again, or remove the file"
        ) from error
    return found
