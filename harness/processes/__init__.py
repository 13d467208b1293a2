"""Processes of the operating system: how they are started, watched and ended."""
