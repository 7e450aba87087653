"""The jersey-number network and everything it needs to read a window of crops."""
