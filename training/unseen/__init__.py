"""The test the seed network failed: numbers whose digits were seen in training, but not side by side."""
