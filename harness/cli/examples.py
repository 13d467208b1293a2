"""What ``--help`` of each command ends with: examples to type, and what its exit statuses mean."""

from __future__ import annotations

from dataclasses import dataclass

from harness.program import program

_DONE = "0 done, 2 usage or tool error"
_MEASURED = (
    "2 usage or tool error, 3 something was wrong, failed, timed out or lost, or nothing could be measured"
)


@dataclass(frozen=True, slots=True)
class Usage:
    """Arguments of a command, each with what they are for, and its exit statuses in words."""

    examples: tuple[tuple[str, str], ...]
    status: str = _DONE


USAGES = {
    "bench": Usage(
        (
            ("--budget 2m", "a first look: the tips that people ask for most"),
            ("--select L1,C4 --data ~/imagenet/train", "two claims, on your images"),
        ),
        f"0 whatever the verdicts, {_MEASURED}, 130 interrupted",
    ),
    "list": Usage(
        (("", "every claim"), ("--cases --select C4", "its cases and variants")),
        "0 done, 2 usage or tool error, 3 a benchmark cannot be read",
    ),
    "new": Usage(
        (
            ('"clone is slower than copy_"', "a file in ./benchmarks"),
            ('"my loader is fast" --name loader', "with a short name"),
        )
    ),
    "gate": Usage(
        (
            ("--base origin/main", "the working tree against a revision"),
            ("--base-python ~/old/bin/python", "this interpreter against another"),
        ),
        "0 nothing regressed, 1 regressed, 2 usage or tool error, 3 cannot judge, 130 interrupted",
    ),
    "selftest": Usage(
        (("", "the noise of this machine"), ("--select C4 --budget 5m", "of one claim")),
        "0 no false alarm, 1 a false alarm, 2 usage or tool error, 3 cannot judge, 130 interrupted",
    ),
    "tune": Usage(
        (
            ("--data ~/imagenet/train --step resnet50", "your images, a known step"),
            ("--step my_training:step --budget 10m", "your own step"),
        ),
        "0 there is an answer, 2 usage or tool error, 3 the answer is provisional, or there is none",
    ),
    "ceilings": Usage(
        (("", "the table, measured once"), ("--refresh", "measured again")),
        "0 done, 2 usage or tool error, 3 nothing could be measured",
    ),
    "doctor": Usage(
        (("", "the table"), ("--json doctor.json", "for programs, too")),
        "0 it can measure, 2 usage or tool error, 3 torch or room for temporary files is missing",
    ),
    "report": Usage(
        (
            ("L1", "everything about a claim of the latest run"),
            ("--html page.html", "a page that opens offline"),
        ),
        "that of the command that made the run",
    ),
    "compare": Usage(
        (
            ("latest~1 latest", "the last two runs"),
            ("before after --html page.html", "two runs by name, as a page"),
        ),
        "0 whatever differs, 2 usage or tool error, 3 nothing can be compared",
    ),
    "trend": Usage(
        (("", "all runs of this machine"), ("C4 --effect", "one claim, as ratios")),
        "0 whatever changed, 2 usage or tool error, 3 nothing can be shown",
    ),
    "runs": Usage((("", "what was saved"), ("--tag nightly", "only runs with this tag"))),
    "show": Usage(
        (("latest", "where and when it was measured"), ("baseline", "the one of this machine")),
        "0 done, 2 usage or tool error, 3 it holds no measurement",
    ),
    "rm": Usage((("latest", "asks first"), ("2026-11-02 --yes", "by the beginning of its name"))),
    "name": Usage((("latest before", "to be called `before`"), ("before ''", "without a name again"))),
    "tag": Usage((("latest nightly", "a tag"), ("latest nightly --remove", "none"))),
    "baseline": Usage((("set latest", "to be committed"), ("set before", "a run by its name"))),
}


def epilog(command: str) -> str:
    """Its examples, each below what it is for, and its exit statuses."""
    usage = USAGES[command]
    shown = [
        line
        for arguments, meaning in usage.examples
        for line in (f"  # {meaning}", f"  {program()} {command} {arguments}".rstrip())
    ]
    return "\n".join(("examples:", *shown, "", f"exit status: {usage.status}"))
