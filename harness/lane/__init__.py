"""A lane: a process in which loaders run laps, one question at a time, over a channel.

Loaders that fork and loaders that have threads need lanes of their own: a fork takes no threads along.
"""

from harness.lane.laps import Lane

__all__ = ["Lane"]
