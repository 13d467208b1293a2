"""What people and their tools see of a gate: the terminal, Markdown, annotations, JUnit, and the saved form.

`content` puts a result into words; each form is a module of its own and starts from there.
"""

from harness.report.gate.annotations import annotations
from harness.report.gate.document import document, result_from
from harness.report.gate.junit import junit
from harness.report.gate.markdown import markdown
from harness.report.gate.terminal import show_gate

__all__ = ["annotations", "document", "junit", "markdown", "result_from", "show_gate"]
