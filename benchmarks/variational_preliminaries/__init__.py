"""Discrete mechanics and optimal control."""
