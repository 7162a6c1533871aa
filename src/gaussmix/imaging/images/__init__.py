"""Images in memory: pixels, colors, features and the order of classes."""
