"""What a stream leaves on disk, whole at every moment."""
