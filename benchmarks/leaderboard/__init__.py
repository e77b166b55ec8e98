"""Every learner of mechanics on the same tasks."""
