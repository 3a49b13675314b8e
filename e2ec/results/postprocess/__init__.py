"""From detections to instances."""
