"""Match video in, jersey numbers out."""
