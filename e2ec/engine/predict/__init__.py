"""Images to results."""
