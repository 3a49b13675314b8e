"""What detectors with masks are taught: boxes and masks of whole objects."""
