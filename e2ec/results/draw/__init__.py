"""Pictures of results and labels."""
