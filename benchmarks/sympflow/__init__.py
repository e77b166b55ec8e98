"""SympFlows: with and without data."""
