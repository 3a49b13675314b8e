"""What labels become: aligned vertices, key vertices, Gaussians of a heat map."""
