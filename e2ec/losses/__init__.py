"""The losses of E2EC, one a file, and their weighted sum."""
