"""Images, videos and cameras in, overlays out."""
