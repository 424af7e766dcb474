"""What plans know without asking anybody: facts in, verdict out."""
