"""Data sets to metrics."""
