"""What a prediction is: polygons of one image, the formats they are written in, and pictures."""
