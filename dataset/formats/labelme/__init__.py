"""The LabelMe format."""
