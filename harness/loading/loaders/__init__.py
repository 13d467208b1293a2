"""The ways of loading, one file each, and the table of those that race."""
