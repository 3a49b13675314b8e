"""Polygons to masks and run lengths."""
