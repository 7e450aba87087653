"""Builds the data set's tree: a writer that leaves whole sequences only, and one module for each kind of source."""
