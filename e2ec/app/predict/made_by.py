"""What results depend on: results of other weights or settings are not taken for these."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

from e2ec.engine.predict.predictor import Predictor
from e2ec.engine.weights.card_edit import flat_card
from e2ec.families.bundled import BUNDLED_WEIGHTS
from e2ec.results.formats.options import FormatOptions
from lib.files import file_digest

MadeBy = Mapping[str, str]
"""What results depend on, by what messages call it: text that changes when that does."""
_SAID = ("class_names", "category_ids", "stage", "score_threshold")


def made_by(
    model: Predictor,
    weights: Path | None,
    *,
    precision: str,
    score: float,
    stage: str | None,
    outlines: FormatOptions,
) -> dict[str, str]:
    """What the results of a model depend on; images and the device are taken for the same.

    Args:
        model: with its card as it is used.
        weights: its file; None is the bundled one.
        precision: of the convolutions.
        score: the lowest that is written.
        stage: which contour; None is the model's own.
        outlines: how they are changed before they are written.

    Raises:
        InputError: the weights cannot be read.
    """
    card = {name: value for name, value in flat_card(model.card).items() if name not in _SAID}
    return {
        "weights": file_digest(weights or BUNDLED_WEIGHTS),
        "score": f"{score:g}",
        "stage": stage or model.card.stage,
        "precision": precision,
        **{name.replace("_", " "): str(value) for name, value in asdict(outlines).items()},
        "settings": json.dumps(card, default=str, sort_keys=True),
    }


def short_digest(made: MadeBy) -> str:
    """All of it in 32 letters and digits."""
    return hashlib.sha256(json.dumps(made, sort_keys=True).encode()).hexdigest()[:32]


def differences(made: MadeBy, before: object) -> list[str]:
    """What differs from what an earlier run wrote down, by its names."""
    earlier = before if isinstance(before, dict) else {}
    return [name for name, text in made.items() if earlier.get(name) != text]
