"""An endless mixture of training windows: tracked players, photos, cut-out and drawn numbers on real torsos."""
