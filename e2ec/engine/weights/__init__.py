"""Weights files and what they say of themselves."""
