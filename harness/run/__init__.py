"""Runs: fresh processes in random order, within a time budget. Imports no torch; asks `compare` what is still open."""
