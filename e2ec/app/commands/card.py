"""`python -m e2ec card`: what a weights file says of itself, shown and changed."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

from torch import nn

from e2ec.app.commands.card_options import CardOptions
from e2ec.engine.weights.card_edit import edit_card, flat_card
from e2ec.engine.weights.checkpoint import load_network, save_card
from e2ec.families.find_family import family_of
from e2ec.families.model_card import ModelCard
from e2ec.families.published import is_published
from e2ec.presets import load_preset
from e2ec.results.one_line import one_line
from lib.errors import InputError

_SHOWN = 8


def card(options: CardOptions) -> str:
    """Show a description, after changing it if asked to; returns what to print.

    Raises:
        InputError: the file is unusable, a change is not possible, or nothing can be written.
    """
    if is_published(options.weights):
        return _published(options)
    family, network, described = load_network(options.weights)
    if options.place is not None:
        described = _changed(options, family.num_classes(network), described)
        # What a card says of the network must still be true of these weights.
        family.from_state(network.state_dict(), described, name=str(options.weights))
        if is_published(options.place):
            raise InputError(f"{options.place}: give the file a name that ends in .safetensors")
        save_card(options.weights, options.place, described)
    if options.json:
        return json.dumps(asdict(described), indent=1, allow_nan=False)
    size = (options.place or options.weights).stat().st_size / 1e6
    facts = {
        "file": f"{options.place or options.weights}, {size:.1f} MB",
        "parameters": f"{_parameters(network):,}",
        **{name: f"{n} {of}" for name, (n, of) in family.describe(network).items()},
        "trained as": one_line(str(described.settings.get("name", "unknown"))),
    }
    fields = {name: _shown(value) for name, value in flat_card(described).items()}
    return _table(facts | fields)


def _changed(options: CardOptions, classes: int, described: ModelCard) -> ModelCard:
    changed = edit_card(described, options.changes)
    if changed.architecture != described.architecture:
        raise InputError(
            f"{options.weights}: holds the weights of {described.architecture}; the architecture "
            "cannot be changed"
        )
    if len(changed.class_names) != classes:
        raise InputError(
            f"{options.weights}: weights for {classes} classes, but {len(changed.class_names)} "
            "names; name each class"
        )
    return changed


def _published(options: CardOptions) -> str:
    if options.changes:
        raise InputError(
            f"{options.weights}: a published checkpoint has no description to change; what is "
            f"missing comes from a preset (--preset {options.preset})"
        )
    config = load_preset(options.preset)
    family = family_of(config)
    network = family.published_network(options.weights)
    facts: dict[str, Any] = {
        "file": str(options.weights),
        "kind": "published checkpoint, without a description; to use it name its preset "
        f"(--preset {options.preset})",
        "architecture": family.published_card(network, config).architecture,
        "classes": family.num_classes(network),
        **{name: n for name, (n, _) in family.describe(network).items()},
        "parameters": _parameters(network),
    }
    return json.dumps(facts, indent=1) if options.json else _table(facts)


def _parameters(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


def _shown(value: Any) -> str:
    if isinstance(value, (list, tuple)):
        items = [one_line(str(item)) for item in value[:_SHOWN]]
        more = [f"... ({len(value)})"] if len(value) > _SHOWN else []
        return ", ".join([*items, *more])
    if isinstance(value, bool) or value is None:
        return json.dumps(value)
    return f"{value:g}" if isinstance(value, float) else one_line(str(value))


def _table(rows: dict[str, Any]) -> str:
    width = max(map(len, rows)) + 2
    return "\n".join(f"{name:<{width}}{value}" for name, value in rows.items())
