"""Figures of a report, drawn with Bokeh: forest plots, loader curves, telemetry over time, levels over
runs.

Bokeh because its whole browser side is one script of about 1 MB inside its wheel: a page needs no network and
stays below 5 MB, and the script runs without ``eval``, under a policy that forbids everything else. (Plotly's
script has 4.6 MB; Vega's has to be bundled first.) Importing Bokeh takes a third of a second, so only pages
import this package; each plot takes its Python side some 30 ms, which is felt only in trends of hundreds of
cases.
"""
