"""Hamiltonian neural networks, with their tasks and baselines."""
