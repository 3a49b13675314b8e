"""Geometry of polygons: of one, and of many at once."""
