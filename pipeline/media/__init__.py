"""Video and pictures in, video out: FFmpeg and what becomes of damaged files."""
