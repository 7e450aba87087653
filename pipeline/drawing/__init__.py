"""Numbers drawn onto the picture."""
