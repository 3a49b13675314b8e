"""Presets, one a file; `get_config()` returns a fresh settings object."""
