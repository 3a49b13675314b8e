"""E2EC: its parts and their composition."""
