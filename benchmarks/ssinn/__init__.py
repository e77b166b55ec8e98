"""Sparse symplectically integrated networks: the formula behind a motion."""
