"""Tuning a loader: a race of settings, both ends of its worker processes, and where the loop's time goes."""
