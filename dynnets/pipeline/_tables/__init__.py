"""The task of a measured table: models that suit its columns, and the baselines to beat."""
