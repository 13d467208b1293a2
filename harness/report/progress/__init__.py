"""The screen while a run, a gate or a tuning goes on: one line at the foot of a terminal, plain lines in a
pipe.

Everything happens inside the caller's calls, at most every so often: a thread that repaints would take its
turns inside timed rounds. The rooms that measure know these classes by protocols of their own, and get from
them the words for what they found.
"""
