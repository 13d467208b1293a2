"""Ceilings: the rates of copies, matrix products, launches and decoding that this machine reaches, measured here.

Hard-coded figures of a card contradict each other, and say nothing of a machine's bus, its memory or its neighbours.
"""
