"""A window that shows a stream while it runs."""
