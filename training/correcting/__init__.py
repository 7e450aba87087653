"""A person's corrections of a run: who is asked about, the table that is filled in, and what becomes of the run."""
