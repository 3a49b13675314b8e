"""The YOLO segmentation format."""
