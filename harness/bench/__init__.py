"""A run within its budget: what is measured next, and when it ends."""
