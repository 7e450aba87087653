"""Numbers that were never printed, and what a camera makes of a picture: typefaces, fills, shirts, films."""
