"""SympNets of all kinds."""
