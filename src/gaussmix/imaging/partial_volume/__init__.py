"""Shares of classes within a pixel, and smooth bias fields."""
