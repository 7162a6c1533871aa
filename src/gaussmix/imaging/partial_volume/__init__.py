"""Partial volume: fractions of classes within a pixel, and smooth bias fields."""
