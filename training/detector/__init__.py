"""The player detector's fine-tuning: labelled frames, views of them, the training and its measurement."""
