"""A watched training loop, as ``report`` shows it."""

from __future__ import annotations

from harness.cli.forms import Forms, as_json
from harness.exit_status import CANNOT_JUDGE, OK
from harness.store import Run


def report_loop(run: Run, forms: Forms) -> int:
    """The status is 0 whatever was found, 3 if the loop was too short to tell. Raises StoreError."""
    from harness.judge.training import judge_loop
    from harness.report.builders.training import loop_document
    from harness.report.render.markdown import markdown
    from harness.report.render.terminal import show_document
    from harness.store.codec import to_json

    found = judge_loop(run)
    forms.refuse_except("a watched loop", ("markdown", "json"))
    document = loop_document(found)
    show_document(document, forms.console())
    forms.write({"json": lambda: as_json(to_json(found)), "markdown": lambda: markdown(document)})
    return CANNOT_JUDGE if found.saving is None else OK
