"""Data, oracles and calls shared by several tests."""
