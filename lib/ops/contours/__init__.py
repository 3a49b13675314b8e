"""Contours that move."""
