"""What tuning a loader found: on the terminal, as code to paste, as a document."""

from harness.report.tuning.terminal import show_tuned

__all__ = ["show_tuned"]
