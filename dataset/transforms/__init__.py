"""How images are cropped, scaled and shown."""
