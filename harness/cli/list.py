"""``list``: the claims of a folder, read without importing any, and what cannot be read as one."""

from __future__ import annotations

from collections.abc import Sequence

from harness.bench.settings import left_out, select, words
from harness.claims.folder import BenchmarkFolder
from harness.cli.output import complain, say
from harness.errors import UsageError
from harness.exit_status import CANNOT_JUDGE, OK, TOOL_ERROR
from harness.report.format import sanitize

_LONGEST = 2000


def list_claims(reading: BenchmarkFolder, selected: Sequence[str]) -> int:
    """Print what is selected. The status is 2 where nothing of it can be read, 3 where something of it cannot."""
    try:
        chosen = select(reading, words(selected))
    except UsageError as error:
        complain(error)
        return TOOL_ERROR
    names = [sanitize(claim.name) for claim in chosen.claims]
    width = max(map(len, names), default=0)
    for name, claim in zip(names, chosen.claims, strict=True):
        needs = f" [needs {sanitize(', '.join(claim.needs))}]" if claim.needs else ""
        say(f"{name:<{width}}  {sanitize(claim.sentence, _LONGEST)}{needs}")
    for problem in chosen.problems:
        complain(problem.message)
    for line in left_out(reading, chosen):
        complain(line)
    if not chosen.claims:
        return TOOL_ERROR
    return CANNOT_JUDGE if chosen.problems else OK
