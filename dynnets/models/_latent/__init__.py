"""Models of pictures, by the dynamics of a latent state."""
