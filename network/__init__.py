"""The neural network of E2EC: backbone, neck, heads, decoding and the contour stages."""
