"""The learners of the leaderboard, one file each: add a file, and it takes part."""
