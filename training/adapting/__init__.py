"""Teaching a recognizer a match or a league from what runs of the pipeline read of it."""
