"""The web page and the service behind it: live view, pictures, contours in every format."""
