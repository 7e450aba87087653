"""Builds data sets, trains the recognizer and the detector, and measures them."""
