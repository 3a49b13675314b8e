"""The card of a weights file, and the family that it names."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from e2ec.families.family import Family
from e2ec.families.find_family import family_of, find_family
from e2ec.families.model_card import ModelCard, card_json
from e2ec.presets import load_preset, preset_names
from lib.errors import InputError

_OWN = {
    "contour": "e2ec.families.contour.family:CONTOUR",
    "mask": "e2ec.families.mask.family:MASK",
    "refiner": "e2ec.families.refiner.family:REFINER",
}
"""The families that come with the project; others are found by their presets."""


def read_card(
    metadata: Mapping[str, str] | None, *, name: str, preset: str | None = None
) -> tuple[Family[Any, Any], ModelCard]:
    """The family and the card in the metadata of a safetensors file.

    Args:
        metadata: of the file.
        name: of the file, for messages.
        preset: one of the family, where the file does not say one that is known here.

    Raises:
        InputError: it is not an e2ec weights file, a field is missing or of a wrong type, or its
            family is not known here.
    """
    card = card_json(metadata, name=name)
    # Files written before there were others are of contours.
    family = _family(str(card.get("family", "contour")), preset or _preset(card), name)
    return family, family.card_type.from_json(card, name=name)


def _family(named: str, preset: str | None, name: str) -> Family[Any, Any]:
    if named in _OWN:
        return find_family(_OWN[named], wanted=name)
    # Nothing that a file names is imported, but for the presets that lie in configs/ here.
    if preset in preset_names():
        family = family_of(load_preset(preset))
        if family.name == named:
            return family
    raise InputError(
        f"{name}: weights of the family {named!r}, which is not known here; put its preset into "
        "configs/ and name it with --preset"
    )


def _preset(card: Mapping[str, Any]) -> str | None:
    settings = card.get("settings")
    preset = settings.get("preset") if isinstance(settings, dict) else None
    return preset if isinstance(preset, str) else None
