"""Measurements: variants compared, warmed up, and measured in blocks; in one process, or apart and taking
turns."""
