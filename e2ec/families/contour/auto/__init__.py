"""Settings chosen from the data, or brought by the weights a run starts from, before it starts."""
