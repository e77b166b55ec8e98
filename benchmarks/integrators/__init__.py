"""Integrators: work against precision, and long orbits."""
