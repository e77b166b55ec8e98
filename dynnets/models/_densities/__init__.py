"""Models of densities, by invertible maps."""
