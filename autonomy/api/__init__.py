"""The REST doors of autonomy."""
