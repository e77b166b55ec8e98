"""Hamiltonian generative networks: films and densities."""
