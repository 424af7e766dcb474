"""The REST doors of plans."""
