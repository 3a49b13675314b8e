"""Training targets of contours."""
