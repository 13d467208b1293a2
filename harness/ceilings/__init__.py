"""Ceilings: the rates of copies, matrix products, launches and decoding that this machine reaches, measured
here.

Published figures of a card contradict each other, and do not include a machine's bus, its memory or its
neighbours.
"""
