"""Masks: run lengths, tracing, rings, id images."""
