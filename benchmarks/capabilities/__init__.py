"""What each learner of mechanics can do."""
