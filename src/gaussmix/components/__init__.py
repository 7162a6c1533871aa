"""Relations between components and between mixtures: distances, matching, comparison, merging."""
