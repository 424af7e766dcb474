"""Offline: what is learned from what was chosen. It never becomes policy."""
