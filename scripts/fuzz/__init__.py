"""Damaged and hostile input for everything that reads a file."""
