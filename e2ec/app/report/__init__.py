"""Reports: what an evaluation or a training run has found, as one HTML file that opens offline."""
