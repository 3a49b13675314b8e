"""Found in place of somebody else's `dataset`; makes way for the package beside e2ec."""

from e2ec import load_neighbour

load_neighbour("dataset")
