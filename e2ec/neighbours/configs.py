"""Found in place of somebody else's `configs`; makes way for the package beside e2ec."""

from e2ec import load_neighbour

load_neighbour("configs")
