"""The contour family: E2EC."""
