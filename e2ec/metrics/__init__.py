"""Evaluation of contours against ground truth."""
