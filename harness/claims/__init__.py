"""Claims, read from benchmark files without importing them."""
