"""Labels from one file format to another."""
