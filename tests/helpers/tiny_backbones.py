"""Backbones of the package `transformers`, of a few thousand parameters."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

TINY: dict[str, dict[str, Any]] = {
    "resnet": {
        "embedding_size": 8,
        "hidden_sizes": [8, 12, 16, 20],
        "depths": [1, 1, 1, 1],
        "layer_type": "basic",
    },
    "hgnet_v2": {
        "embedding_size": 8,
        "depths": [1, 1, 1, 1],
        "hidden_sizes": [8, 12, 16, 20],
        "stem_channels": [3, 8, 8],
        "stage_in_channels": [8, 8, 12, 16],
        "stage_mid_channels": [4, 8, 8, 8],
        "stage_out_channels": [8, 12, 16, 20],
        "stage_num_blocks": [1, 1, 1, 1],
        "stage_numb_of_layers": [1, 1, 1, 1],
    },
    "convnextv2": {"hidden_sizes": [4, 8, 12, 16], "depths": [1, 1, 1, 1]},
    "swin": {"embed_dim": 8, "depths": [1, 1, 1, 1], "num_heads": [1, 2, 2, 2], "window_size": 2},
}
"""Sizes by model type."""


def classifier_folder(folder: Path, kind: str, **preprocessing: Any) -> Path:
    """What lies on the hub: a classifier's configuration, weights and preprocessing."""
    import torch
    from transformers import AutoConfig, AutoModelForImageClassification

    torch.manual_seed(3)
    model = AutoModelForImageClassification.from_config(AutoConfig.for_model(kind, **TINY[kind]))
    model.train()(torch.randn(4, 3, 64, 64))  # statistics of its own, where it has any
    model.save_pretrained(folder)
    if preprocessing:
        (folder / "preprocessor_config.json").write_text(json.dumps(preprocessing))
    return folder
