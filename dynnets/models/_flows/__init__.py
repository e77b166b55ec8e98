"""Models that are maps of time."""
