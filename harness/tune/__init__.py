"""Tuning a loader: lanes, a race of settings, the loop taken apart."""
