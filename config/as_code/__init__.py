"""A tenant's configuration as one file: written, held against what is set, applied."""
