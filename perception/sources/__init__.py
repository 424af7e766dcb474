"""Outside systems that are read: one file each."""
