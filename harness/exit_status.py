"""The exit statuses of every command, under nox as well."""

OK = 0
"""The command did what was requested; in a gate: nothing regressed."""

REGRESSED = 1
"""A gate found something slower or larger than is allowed."""

TOOL_ERROR = 2
"""The request cannot be met as it was typed, or the tool itself failed."""

CANNOT_JUDGE = 3
"""There is no answer: inconclusive, missing, failed, another machine, or nothing to compare."""

INTERRUPTED = 130
"""Ctrl-C was pressed; what was measured is kept."""
