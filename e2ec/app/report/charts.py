"""The drawings of reports: bars, stacked bars, lines. Values are as they are shown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from e2ec.app.report.html import Markup, table
from e2ec.app.report.svg import INK, RULE, SERIES, SOFT, chart, shortened

Line = tuple[Sequence[float], Sequence[float]]
_BAR = 26  # points of height
_LONGEST = 18  # characters of names in a legend of two columns


def bars(
    title: str, rows: Sequence[str], series: Mapping[str, Sequence[float | None]], *, alt: str
) -> Markup:
    """Horizontal bars from 0 to 100, their values written at them.

    Args:
        title: of the figure.
        rows: names, from the top.
        series: values of every row by the name of the series; None where undefined.
        alt: what they are; the values are added.
    """
    count = len(series)

    def draw(axes: Axes) -> None:
        thickness = 0.8 / count
        for number, (name, values) in enumerate(series.items()):
            places = np.arange(len(rows)) + (number - (count - 1) / 2) * thickness
            lengths = [0.0 if value is None else value for value in values]
            color = SERIES[number % len(SERIES)]
            axes.barh(places, lengths, thickness * 0.92, color=color, label=shortened(name))
            for place, value in zip(places, values, strict=True):
                text = "-" if value is None else f"{value:.1f}"
                axes.text((value or 0.0) + 1.5, place, text, va="center", fontsize=11.5)
        axes.set_yticks(range(len(rows)), [shortened(row) for row in rows], color=INK)
        axes.set_ylim(len(rows) - 0.5, -0.5)
        axes.set_xlim(0, 112)
        axes.set_xticks(range(0, 101, 25))
        axes.grid(axis="y", visible=False)
        axes.tick_params(length=0)
        if count > 1:
            legend(axes, count)

    said = "; ".join(
        f"{row}: " + ", ".join(f"{name} {number(values[i])}" for name, values in series.items())
        for i, row in enumerate(rows)
    )
    cells = [
        [row, *(number(values[i]) for values in series.values())] for i, row in enumerate(rows)
    ]
    numbers = table(["", *series], cells)
    height = 50 + len(rows) * (_BAR if count == 1 else 18 * count + 8) + (24 if count > 1 else 0)
    return chart(title, draw, alt=f"{alt}. {said}", numbers=numbers, height=height)


def stacked(
    title: str, columns: Sequence[str], series: Mapping[str, Sequence[int]], *, below: str, alt: str
) -> Markup:
    """Columns of counts, one series on top of the other."""

    def draw(axes: Axes) -> None:
        bottom = np.zeros(len(columns))
        for color, (name, values) in zip((SERIES[2], SERIES[1]), series.items(), strict=False):
            axes.bar(range(len(columns)), values, 0.86, bottom=bottom, color=color, label=name)
            bottom += values
        axes.set_xticks(range(len(columns)), columns, rotation=45, ha="right", fontsize=11)
        axes.set_xlim(-0.6, max(len(columns), 4) - 0.4)
        axes.set_xlabel(below)
        axes.grid(axis="x", visible=False)
        axes.yaxis.set_major_locator(MaxNLocator(integer=True))
        legend(axes, 2)

    rows = [[c, *(str(values[i]) for values in series.values())] for i, c in enumerate(columns)]
    said = "; ".join(f"{row[0]}: {' and '.join(row[1:])}" for row in rows)
    head = f"{alt} ({' and '.join(series)}), {below}: {said}"
    return chart(title, draw, alt=head, numbers=table([below, *series], rows), height=270)


def lines(
    title: str,
    series: Mapping[str, Line],
    *,
    across: str,
    up: str = "",
    alt: str,
    numbers: Markup | None = None,
    unit: bool = False,
    diagonal: bool = False,
    points: bool = False,
    logarithmic: bool = False,
    paired: bool = False,
) -> Markup:
    """Lines, dots on them where `points`.

    Args:
        title: of the figure.
        series: x and y by name.
        across, up: what x and y are.
        alt: what the drawing says.
        numbers: the table behind it.
        unit: both go from 0 to 1.
        diagonal: draw the line of equality.
        points: draw a dot at every value.
        logarithmic: y grows by factors.
        paired: series follow in pairs of one colour, the second of each dashed.
    """

    def draw(axes: Axes) -> None:
        if diagonal:
            axes.plot([0, 1], [0, 1], color=SOFT, linewidth=1, linestyle=(0, (2, 3)))
        for place, (name, (x, y)) in enumerate(series.items()):
            index, second = (place // 2, place % 2) if paired else (place, place // len(SERIES))
            axes.plot(
                x,
                y,
                color=SERIES[index % len(SERIES)],
                linestyle="--" if second else "-",
                marker="o" if points or len(x) == 1 else None,
                markersize=4,
                label=shortened(name),
            )
        axes.set_xlabel(across)
        axes.set_ylabel(up)
        if unit:
            axes.set_xlim(0, 1.01)
            axes.set_ylim(0, 1.03)
        if logarithmic:
            axes.set_yscale("log")
        if len(series) > 1:
            legend(axes, 2)

    height = 250 + (17 * ((len(series) + 1) // 2) if len(series) > 1 else 0)
    return chart(title, draw, alt=alt, numbers=numbers, height=height)


def heat(title: str, names: Sequence[str], counts: np.ndarray, *, alt: str) -> Markup:
    """A square of counts (n, n): a row what it is, a column what it was found as; the darker, the
    larger the share of its row."""
    shares = counts / np.maximum(counts.sum(1, keepdims=True), 1)

    def draw(axes: Axes) -> None:
        size = len(names)
        for row in range(size):
            for column in range(size):
                color = SERIES[2] if row == column else SERIES[1]
                share = float(shares[row, column])
                axes.barh(row, 0.94, 0.94, column - 0.47, color=color, alpha=0.12 + 0.5 * share,
                          linewidth=0) if counts[row, column] else None  # fmt: skip
                if size <= 8:
                    text = str(int(counts[row, column])) if (row, column) != (size - 1,) * 2 else ""
                    axes.text(column, row, text, ha="center", va="center", fontsize=11.5)
        short = [shortened(name, 14) for name in names]
        axes.set_xticks(range(size), short, rotation=45, ha="right", fontsize=11)
        axes.set_yticks(range(size), short, fontsize=11)
        axes.set_xlim(-0.5, size - 0.5)
        axes.set_ylim(size - 0.5, -0.5)
        axes.set_xlabel("found as")
        axes.set_ylabel("is")
        axes.grid(visible=False)
        axes.tick_params(length=0)
        for spine in axes.spines.values():
            spine.set_color(RULE)

    return chart(title, draw, alt=alt, height=330)


def legend(axes: Axes, columns: int) -> None:
    """Above the drawing, where it hides nothing."""
    handles, names = axes.get_legend_handles_labels()
    axes.legend(
        handles,
        names,
        loc="lower left",
        bbox_to_anchor=(0, 1.0),
        ncols=min(columns, 2) if max(map(len, names)) <= _LONGEST else 1,
        borderaxespad=0.2,
        handlelength=1.6,
        columnspacing=1.0,
    )


def number(value: float | None) -> str:
    """A value of percent as it is written everywhere; a dash where it is undefined."""
    return "-" if value is None else f"{value:.1f}"


def hundred(value: float | None) -> float | None:
    """A share in percent."""
    return None if value is None else 100 * value
