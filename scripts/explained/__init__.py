"""The proof that a gate names what was changed."""
