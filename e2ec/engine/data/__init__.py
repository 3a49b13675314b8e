"""Settings to data sets."""
