"""What goes wrong in a loader: how long to wait, how workers ended, and the messages."""
