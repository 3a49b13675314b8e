"""Prediction of many images into files: which images, how they are predicted, what is written."""
