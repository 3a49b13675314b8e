"""Where images come from, one file a kind; `open.open_source` finds out which is meant."""
