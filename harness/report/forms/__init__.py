"""A saved run in other forms than the terminal's: Markdown, JUnit, JSON, pytest-benchmark's JSON, CSV,
Parquet.

All of them start from the same judgement as the terminal, and hold the same numbers.
"""
