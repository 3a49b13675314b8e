"""Label formats, and what lies at a path."""
