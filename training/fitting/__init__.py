"""The training loop and what it needs: settings, losses, schedules, checkpoints, curves, several processes."""
