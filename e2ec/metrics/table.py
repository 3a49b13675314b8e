"""Metrics as a table to read: COCO's, SBD's and the official ones of Cityscapes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

# What tells the rows of a protocol, and its columns.
SUMMARY = ("AP", "AP50", "AP75", "APs", "APm", "APl", "AR")
SBD_SUMMARY = ("APvol", "AP50", "AP70")
OFFICIAL_SUMMARY = ("AP", "AP50")

_TYPES = ("segm", "bbox", "boundary")
_PROTOCOLS = ((_TYPES, SBD_SUMMARY), (_TYPES, SUMMARY), (("official",), OFFICIAL_SUMMARY))


def percent(value: float | None) -> str:
    """A share in percent with one decimal; a dash where it is undefined."""
    return "-" if value is None else f"{100 * value:.1f}"


def format_table(metrics: Mapping[str, float | None]) -> str:
    """Metrics as tables in percent, a dash where a value is undefined.

    Args:
        metrics: from `coco_metrics` or `sbd_metrics`, or official Cityscapes ("official/AP",
            "official/AP50"), or several of them together; with classes ("segm/AP/car") or without.

    Returns:
        One table for each protocol that is there, and one of the classes.
    """
    tables, by_class = [], []
    for types, columns in _PROTOCOLS:
        main = columns[0]
        rows = [t for t in types if f"{t}/{main}" in metrics]
        by_class += [(f"{t} {main}", f"{t}/{main}/") for t in rows]
        if rows:
            cells = [[t, *(percent(metrics.get(f"{t}/{key}")) for key in columns)] for t in rows]
            tables.append(aligned([["", *columns], *cells]))
    names = [k[len(p) :] for _, p in by_class for k in metrics if k.startswith(p)]
    if names:
        # Of a protocol without values by class there is no column.
        by_class = [(h, p) for h, p in by_class if any(k.startswith(p) for k in metrics)]
        rows_by_class = [
            [name, *(percent(metrics.get(f"{prefix}{name}")) for _, prefix in by_class)]
            for name in dict.fromkeys(names)
        ]
        tables.append(aligned([["class", *(head for head, _ in by_class)], *rows_by_class]))
    return "\n\n".join(tables)


def format_stages(metrics: Mapping[str, float | None], main: str, chosen: str) -> str:
    """The main metric of every stage in percent, and its boundary AP where there is one, one line
    each; a star at the one evaluated.

    Args:
        metrics: with "stages/<stage>" for every stage, in order, and "stages_boundary/<stage>".
        main: name of the main metric, such as "segm/AP".
        chosen: name of the stage that the other metrics belong to.
    """
    values = {k.removeprefix("stages/"): v for k, v in metrics.items() if k.startswith("stages/")}
    rows = [[f"{stage} *" if stage == chosen else stage, percent(v)] for stage, v in values.items()]
    head = ["stage", main.replace("/", " ")]
    if any(f"stages_boundary/{stage}" in metrics for stage in values):
        head.append("boundary AP")
        for stage, row in zip(values, rows, strict=True):
            row.append(percent(metrics.get(f"stages_boundary/{stage}")))
    return aligned([head, *rows])


def aligned(rows: Sequence[Sequence[str]]) -> str:
    """Rows of cells as lines: the first column to the left, all others to the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = []
    for row in rows:
        cells = [row[0].ljust(widths[0])]
        cells += [cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True)]
        lines.append("  ".join(cells).rstrip())
    return "\n".join(lines)
