"""The Semantic Boundaries Dataset."""
