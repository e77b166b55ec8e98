"""Symplectic recurrent neural networks: a spring chain, three bodies, a billiard."""
