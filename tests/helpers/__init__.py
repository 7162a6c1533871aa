"""What several tests share: data, oracles, and ways to call the package."""
