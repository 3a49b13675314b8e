"""The command line, image and video sources, and the demo pipeline."""
