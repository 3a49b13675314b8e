"""What the other packages stand on: compiled operators, polygon geometry, files, errors."""
