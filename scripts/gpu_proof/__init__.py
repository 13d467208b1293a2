"""The proof on a real GPU, in parts of at most ten minutes."""
