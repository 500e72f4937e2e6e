"""Algorithms whose numbers are not numbers."""
