"""The lowest score of detections that are worth looking at."""

from __future__ import annotations

DEFAULT_SCORE = 0.3
"""Default of `Predictor.predict` and of `demo.py`. Average precision counts detections of far lower
scores; evaluation takes the threshold that the weights or the settings name (published: 0.05)."""
