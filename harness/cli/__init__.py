"""The commands that read what was saved and measure nothing: compare, trend, and the runs themselves."""
