"""A trained network made ready for prediction."""
