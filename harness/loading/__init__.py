"""Real input, and one file per way of loading it. Importing this package imports neither torch nor DALI."""
