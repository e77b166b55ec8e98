"""Measured pendulums, single and double."""
