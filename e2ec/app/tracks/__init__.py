"""Identities that hold from frame to frame, and contours smoothed along them."""
