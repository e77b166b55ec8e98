"""Models of mechanics: a learned energy, a field and a step."""
