"""The labels of a data set as flat arrays."""
