"""Generated images with labels."""
