"""Processes that measure, and what is said to them and by them."""
