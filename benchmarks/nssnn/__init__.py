"""Nonseparable symplectic networks: pairs of states, coarse steps, vortices."""
