"""Which metric tells the best weights."""

from __future__ import annotations

from e2ec.config import EvalConfig


def main_metric(config: EvalConfig) -> str:
    """The name of the metric that tells the best weights."""
    sbd = config.protocol == "sbd" and config.iou_types[0] != "boundary"
    return f"{config.iou_types[0]}/{'APvol' if sbd else 'AP'}"
