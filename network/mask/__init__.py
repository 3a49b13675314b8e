"""Mask R-CNN and what improves its boundaries, on torchvision's parts."""
