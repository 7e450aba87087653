"""Finding people in frames."""
