"""Outlets: kinds of connectors that nothing is read from, and tools act through."""
