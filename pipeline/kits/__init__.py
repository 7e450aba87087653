"""The kits of a match: who plays for which team, and where a track passed to the other one."""
