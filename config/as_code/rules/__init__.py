"""Pure: documents and states in, differences and words out."""
