"""What claims share beside the harness: datasets, loaders and comparisons that no command needs.

pytest puts the folder of `conftest.py` first on the path, so a benchmark imports it as ``support``.
"""
