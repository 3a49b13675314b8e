"""The file formats contours are written in, one a module."""
