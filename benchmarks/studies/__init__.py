"""Experiments of one file each."""
