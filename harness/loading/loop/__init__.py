"""The loop around a loader: epochs, steps, windows, and what they show."""
