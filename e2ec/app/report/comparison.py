"""Two evaluations of the same labels side by side."""

from __future__ import annotations

from collections.abc import Sequence

from e2ec.app.report import errors, summary
from e2ec.app.report.evaluation import Evaluation
from e2ec.app.report.examples import Gallery, iou
from e2ec.app.report.html import Markup, folded, section, settings_table, tag
from e2ec.app.report.tiles import FOUND, LABEL, draw_tile, tile, window
from e2ec.named_settings import flat
from lib.errors import InputError

NAMES = ("A", "B")


def comparison_sections(
    first: Evaluation, second: Evaluation, *, count: int
) -> list[Markup | None]:
    """All sections of a report of two; examples are where they differ most.

    Raises:
        InputError: they are not of the same images and labels.
    """
    _same_labels(first, second)
    both = dict(zip(NAMES, (first, second), strict=True))
    return [
        _heads(both),
        summary.by_stage(both),
        summary.by_size(both),
        summary.by_class(both),
        summary.curves(both),
        errors.calibration_section(both),
        *(errors.confusion_section(one, f"Confusion of {name}") for name, one in both.items()),
        errors.sizes_section(both),
        _differences(first, second, count),
        settings_section(both),
    ]


def _same_labels(first: Evaluation, second: Evaluation) -> None:
    def labels(one: Evaluation) -> list[tuple[object, ...]]:
        keys = ("image_id", "category_id", "bbox", "iscrowd")
        return [tuple(map(str, (entry[key] for key in keys))) for entry in one.inputs.annotations]

    if first.inputs.sizes != second.inputs.sizes or labels(first) != labels(second):
        raise InputError(
            f"{second.folder}: not an evaluation of the same images and labels as {first.folder} "
            f"({len(second.dataset)} images, {len(second.inputs.annotations)} labels; "
            f"{len(first.dataset)} and {len(first.inputs.annotations)} there); evaluate both on "
            "the same data"
        )


def _heads(both: dict[str, Evaluation]) -> Markup:
    rows = [
        (tag("dt", name), tag("dd", f"{one.folder}: {one.summary.get('source')}, stage "
                                    f"{summary.stage_name(one) or 'of its origin'}"))
        for name, one in both.items()
    ]  # fmt: skip
    first, second = both.values()
    names = [*both]
    main = [
        key for key in first.metrics if key.startswith(f"{first.iou_type}/") and key.count("/") == 1
    ]
    counts = [
        f"{name} finds {len(one.matches.found)} of "
        f"{len(one.matches.found) + len(one.matches.missed)} objects, with "
        f"{len(one.matches.false)} false finds (score {one.score:g} or more)"
        for name, one in both.items()
    ]
    warning = None
    if first.config.max_detections != second.config.max_detections:
        warning = tag(
            "p",
            f"The limits of detections an image differ: {first.config.max_detections} and "
            f"{second.config.max_detections}. Their APs are not of one kind.",
            class_="warning",
        )
    return tag(
        "section",
        tag("dl", rows, class_="facts"),
        warning,
        tag("p", "; ".join(counts), "."),
        tag("p", summary.WHAT_AP_IS, class_="note"),
        summary.metrics_table(first, second, names=names, keys=main),
        folded("All metrics", summary.metrics_table(first, second, names=names)),
    )


def _differences(first: Evaluation, second: Evaluation, count: int) -> Markup:
    """The labels whose overlap differs most between both, either way."""
    ious = [{m.annotation: m for m in one.matches.found} for one in (first, second)]
    gains = []
    for label in first.annotations:
        a, b = (found[label].iou if label in found else 0.0 for found in ious)
        if a != b:
            gains.append((b - a, label))
    gains.sort()
    galleries = Gallery(first), Gallery(second)
    parts: list[object] = []
    for title, chosen in (
        ("B is better", [label for gain, label in gains[::-1] if gain > 0][:count]),
        ("A is better", [label for gain, label in gains if gain < 0][:count]),
    ):
        parts.append(tag("h3", title))
        made = [_side_by_side(galleries, label) for label in chosen]
        parts.append(tag("div", made, class_="examples") if made else tag("p", "Nowhere."))
    note = (
        "Objects whose overlap differs most; what was not found counts as 0. Green is the label, "
        "orange what was found."
    )
    return section("Where they differ", note, parts)


def _side_by_side(galleries: Sequence[Gallery], label_id: int) -> Markup:
    evaluations = [gallery.evaluation for gallery in galleries]
    label = evaluations[0].annotations[label_id]
    found = []
    for one in evaluations:
        matches = [m for m in one.matches.found if m.annotation == label_id]
        found.append(one.detections[matches[0].detection] if matches else None)
    try:
        name, image = galleries[0].image(label["image_id"])
    except InputError as error:
        return tag("figure", tag("figcaption", f"no picture: {error}"))
    entries = [label, *(entry for entry in found if entry is not None)]
    place = window(entries, image.shape[:2])
    class_name = evaluations[0].class_names[label["category_id"]]
    drawn = draw_tile(image, place, [(label, LABEL)])
    tiles = [tile(drawn, "label", alt=f"Label of {class_name} in {name}")]
    for run, entry in zip(NAMES, found, strict=True):
        outlines = [(label, LABEL), *([(entry, FOUND)] if entry is not None else [])]
        said = "not found" if entry is None else f"IoU {100 * iou(entry, label):.1f}"
        drawn = draw_tile(image, place, outlines)
        tiles.append(
            tile(drawn, run, tag("br"), said, alt=f"{class_name} in {name}, {run}: {said}")
        )
    return tag(
        "figure",
        tag("figcaption", f"{class_name}, {name}"),
        tag("div", tiles, class_="tiles"),
    )


def settings_section(both: dict[str, Evaluation]) -> Markup:
    """The settings in which two evaluations differ."""
    return different_settings({name: one.settings for name, one in both.items()})


def different_settings(settings: dict[str, dict[str, object]]) -> Markup:
    """The settings of two runs that are not the same."""
    first, second = (flat(one) for one in settings.values())
    rows = [
        [key, first.get(key, "-"), second.get(key, "-")]
        for key in dict.fromkeys((*first, *second))
        if first.get(key, "-") != second.get(key, "-")
    ]
    if not rows:
        return section("Settings", "", tag("p", "The settings are the same."))
    return section("Settings that differ", "", settings_table(["setting", *settings], rows))
