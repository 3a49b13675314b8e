"""What runs: training, evaluation, prediction, and the files they keep."""
