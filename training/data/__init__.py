"""The data set: its folders and tables, splits, packed pictures, windows and batches."""
