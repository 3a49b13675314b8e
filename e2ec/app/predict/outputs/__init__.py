"""What predictions are written to, and what of it is there already."""
