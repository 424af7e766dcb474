"""The REST doors of perception."""
