"""Physics-informed networks, the baseline of the flows."""
