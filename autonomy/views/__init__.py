"""Pages of autonomy for those who sell, decide and look: each in a file of its own."""
