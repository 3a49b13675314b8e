"""The COCO format."""
