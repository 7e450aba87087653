"""What stands behind `training.evaluate` and `training.analyze_weights`: selection, reading, figures, tables, files."""
