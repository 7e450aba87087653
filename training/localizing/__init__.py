"""The number localizer's training: examples found by a trained reader, drawn ones, views of them, and the loop."""
