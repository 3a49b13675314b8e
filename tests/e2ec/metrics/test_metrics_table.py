"""The table of metrics."""

from __future__ import annotations

from e2ec.metrics.table import SUMMARY, format_stages, format_table


def test_the_table_shows_percent_and_classes() -> None:
    metrics: dict[str, float | None] = {f"segm/{key}": 0.5 for key in SUMMARY}
    metrics |= {"segm/AR10": 0.4, "segm/APl": None, "segm/AP/cell": 0.123, "segm/AP/dirt": None}
    assert format_table(metrics) == (
        "        AP  AP50  AP75   APs   APm  APl    AR\n"
        "segm  50.0  50.0  50.0  50.0  50.0    -  50.0\n"
        "\n"
        "class  segm AP\n"
        "cell      12.3\n"
        "dirt         -"
    )


def test_the_table_of_sbd() -> None:
    metrics: dict[str, float | None] = {
        "segm/APvol": 0.592,
        "segm/AP50": 0.658,
        "segm/AP70": 0.541,
        "segm/APvol/cat": 1.0,
        **{f"boundary/{key}": 0.191 for key in SUMMARY},
        "boundary/AP/cat": 0.25,
    }
    assert format_table(metrics) == (
        "      APvol  AP50  AP70\n"
        "segm   59.2  65.8  54.1\n"
        "\n"
        "            AP  AP50  AP75   APs   APm   APl    AR\n"
        "boundary  19.1  19.1  19.1  19.1  19.1  19.1  19.1\n"
        "\n"
        "class  segm APvol  boundary AP\n"
        "cat         100.0         25.0"
    )


def test_the_table_of_official_cityscapes_beside_coco() -> None:
    """The COCO numbers come without classes here; the classes of the official ones are shown."""
    metrics: dict[str, float | None] = {
        **{f"segm/{key}": 0.4 for key in SUMMARY},
        "official/AP": 0.34,
        "official/AP50": None,
        "official/AP/car": 0.5,
    }
    assert format_table(metrics) == (
        "        AP  AP50  AP75   APs   APm   APl    AR\n"
        "segm  40.0  40.0  40.0  40.0  40.0  40.0  40.0\n"
        "\n"
        "            AP  AP50\n"
        "official  34.0     -\n"
        "\n"
        "class  official AP\n"
        "car           50.0"
    )


def test_the_table_of_stages_and_one_of_nothing() -> None:
    metrics = {"segm/AP": 0.5, "stages/init": 0.4, "stages/coarse": 0.5, "stages/refine1": None}
    assert format_stages(metrics, "segm/AP", "coarse") == (
        "stage     segm AP\ninit         40.0\ncoarse *     50.0\nrefine1         -"
    )
    assert format_table({}) == ""
    boundaries = {"stages_boundary/init": 0.1, "stages_boundary/coarse": 0.25}
    assert format_stages(metrics | boundaries, "segm/AP", "init") == (
        "stage    segm AP  boundary AP\n"
        "init *      40.0         10.0\n"
        "coarse      50.0         25.0\n"
        "refine1        -            -"
    )
