"""Columns side by side: what is compared with what on every axis, and what is not compared, and why."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from harness.judge.group import Axis, columns
from harness.judge.run import judge
from harness.judge.runs import RunComparison, compare_runs
from harness.model import BASELINE, Claim, Differs, Measurement, Status, Trial, Work
from harness.store import Run, StoreError, load, open_gate, write_pairing
from harness.store.runs import find, open_entry
from tests.support.saved import ENVIRONMENT, claim, measurements_of, rounds, save

ONE = claim("A1")
CASE = "bench_a1.py::bench_a1"


def stored(folder: Path, *measurements: Measurement, claims: tuple[Claim, ...] = (ONE,), **facts: Any) -> Run:
    """A run that went through the store."""
    return load(save(folder, claims, measurements, **facts))


def compared(*runs: Run, axis: Axis = Axis.RUN) -> RunComparison:
    """These runs, called a, b, c."""
    return compare_runs(columns(list(zip("abcdef", runs, strict=False)), axis), axis)


def reasons(found: RunComparison) -> dict[tuple[str, str], str]:
    """Why what could not be compared was not."""
    return {(row.case, row.variant): row.reason for row in found.incomparable}


def test_run_against_run(tmp_path: Path) -> None:
    """Each variant's own time in one run against the other, with both runs' verdicts and effects beside
    it."""
    first = stored(tmp_path / "a", *measurements_of(ONE, "m", 7, quick=0.5e-3))
    second = stored(tmp_path / "b", *measurements_of(ONE, "m", 7, salt=1, quick=0.6e-3))
    found = {line.variant: line for line in compared(first, second).lines}
    assert found[BASELINE].difference.differs is Differs.NOT_SHOWN
    quick = found["quick"]
    assert quick.difference.differs is Differs.HIGHER
    assert quick.difference.comparison.ratio == pytest.approx(1.2, rel=0.01)
    assert quick.difference.counts == (7, 7)
    assert not quick.difference.comparison.paired
    assert quick.levels == pytest.approx((0.5e-3, 0.6e-3), rel=0.01)
    assert [verdict and verdict.comparison and verdict.comparison.ratio for verdict in quick.verdicts] == [
        verdict.comparison.ratio for run in (first, second) for verdict in judge(run) if verdict.comparison
    ]
    assert quick.effect is not None
    assert quick.effect.comparison.ratio == pytest.approx(1.2, rel=0.01)
    assert found[BASELINE].effect is None


def test_the_first_against_each_other(tmp_path: Path) -> None:
    """Three runs give two comparisons of every variant, all with the first."""
    runs = [
        stored(tmp_path / name, *measurements_of(ONE, "", 7, salt=n, quick=0.5e-3))
        for n, name in enumerate("abc")
    ]
    assert {line.columns for line in compared(*runs).lines} == {("a", "b"), ("a", "c")}


def test_variant_against_baseline(tmp_path: Path) -> None:
    """Within a run the variants are the columns: paired, and the ratios are the report's but for units after
    its look."""
    run = stored(tmp_path / "a", *measurements_of(ONE, "m", 7, quick=0.5e-3, slack=1.5e-3))
    found = compared(run, axis=Axis.VARIANT)
    assert [column.label for column in found.columns] == [BASELINE, "quick", "slack"]
    assert found.paired
    ratios = {line.columns[1]: line.difference.comparison.ratio for line in found.lines}
    assert ratios == {
        verdict.variant: pytest.approx(verdict.comparison.ratio, rel=0.02)
        for verdict in judge(run)
        if verdict.comparison
    }
    assert {line.columns[1]: line.difference.differs for line in found.lines} == {
        "quick": Differs.LOWER,
        "slack": Differs.HIGHER,
    }


def test_machine_against_machine(tmp_path: Path) -> None:
    """Runs of one machine are one column; all their processes count."""
    other = {**ENVIRONMENT, "machine_id": "ba9876543210"}
    runs = [
        stored(tmp_path / "a", *measurements_of(ONE, "", 7), started="2026-01-01T00:00:00+00:00"),
        stored(tmp_path / "b", *measurements_of(ONE, "", 8, salt=1), started="2026-01-02T00:00:00+00:00"),
        stored(tmp_path / "c", *measurements_of(ONE, "", 9, salt=2), environment=other),
    ]
    found = compared(*runs, axis=Axis.MACHINE)
    assert [column.label for column in found.columns] == ["0123456789ab", "ba9876543210"]
    assert [line.difference.counts for line in found.lines] == [(15, 9)]


def test_what_is_in_one_run_only(tmp_path: Path) -> None:
    """A case, parameters or a variant that the other run lacks is named with the reason."""
    two, three = claim("B2"), claim("C3")
    first = stored(
        tmp_path / "a",
        *measurements_of(ONE, "m", 7, quick=0.5e-3),
        *measurements_of(two, "x-1", 7),
        *measurements_of(three, "", 7),
        claims=(ONE, two, three),
    )
    second = stored(
        tmp_path / "b",
        *measurements_of(ONE, "m", 7),
        *measurements_of(two, "x-2", 7),
        claims=(ONE, two),
        planned=[f"{CASE}[lost]"],
    )
    found = compared(first, second)
    assert reasons(found) == {
        (f"{CASE}[m]", "quick"): "variant only in a",
        ("bench_b2.py::bench_b2[x-1]", BASELINE): "other parameters: b has x-2",
        ("bench_b2.py::bench_b2[x-2]", BASELINE): "other parameters: a has x-1",
        ("bench_c3.py::bench_c3", BASELINE): "only in a",
        (f"{CASE}[lost]", ""): "planned, and never measured",
    }
    assert [(line.case, line.variant) for line in found.lines] == [(f"{CASE}[m]", BASELINE)]


def test_what_was_planned_and_never_measured(tmp_path: Path) -> None:
    """A case that the other run set out to measure and did not is distinguished from one that it does not
    know."""
    first = stored(tmp_path / "a", *measurements_of(ONE, "m", 7))
    second = stored(tmp_path / "b", planned=[f"{CASE}[m]"])
    assert reasons(compared(first, second)) == {
        (f"{CASE}[m]", BASELINE): "b planned it and never measured it"
    }


@pytest.mark.parametrize(
    ("status", "reason", "expected"),
    [
        (Status.FAILED, "ValueError: no", "failed in b: ValueError: no"),
        (Status.WRONG, "4 of 9 values differ", "wrong in b: 4 of 9 values differ"),
        (Status.SKIPPED, "no CUDA device here", "skipped in b: no CUDA device here"),
        (Status.TIMED_OUT, "", "timed out in b"),
    ],
)
def test_what_failed_in_one(tmp_path: Path, status: Status, reason: str, expected: str) -> None:
    """A variant without a time in one of the runs is not compared, and the run's own reason is given."""
    first = stored(tmp_path / "a", *measurements_of(ONE, "", 7, quick=0.5e-3))
    spoilt = [
        replace(m, trials=(m.trials[0], Trial("quick", status, reason)))
        for m in measurements_of(ONE, "", 7, quick=0.5e-3)
    ]
    found = compared(first, stored(tmp_path / "b", *spoilt))
    assert reasons(found) == {(CASE, "quick"): expected}


def test_other_devices(tmp_path: Path) -> None:
    """A GPU against a CPU is no comparison, however the CPU came to be used."""
    gpu = {**ENVIRONMENT, "gpus": [{"name": "Some GPU"}]}
    first = stored(tmp_path / "a", *measurements_of(ONE, "", 7), environment=gpu)
    second = stored(tmp_path / "b", *measurements_of(ONE, "", 7))
    third = stored(
        tmp_path / "c", *measurements_of(ONE, "", 7), environment=gpu, command=["bench", "--device", "cpu"]
    )
    assert reasons(compared(first, second)) == {(CASE, BASELINE): "other device: cuda in a, cpu in b"}
    assert reasons(compared(first, third)) == {(CASE, BASELINE): "other device: cuda in a, cpu in b"}
    assert reasons(compared(second, third)) == {}


def test_other_inputs(tmp_path: Path) -> None:
    """The same name with other work behind it is no comparison."""
    first = stored(tmp_path / "a", *measurements_of(ONE, "", 7, work=Work(bytes=100)))
    second = stored(tmp_path / "b", *measurements_of(ONE, "", 7, work=Work(bytes=200)))
    assert reasons(compared(first, second)) == {
        (CASE, BASELINE): "other inputs: 100 bytes an iteration there, 200 here"
    }


def test_other_data(tmp_path: Path) -> None:
    """Loaders that read other folders are not compared; on another machine the folder's name has to do."""
    loader = claim("L1", loader=True, margin=0.05)
    elsewhere = {**ENVIRONMENT, "machine_id": "ba9876543210"}
    generated = stored(tmp_path / "a", *measurements_of(loader, "", 7), claims=(loader,))
    flowers = stored(tmp_path / "b", *measurements_of(loader, "", 7), claims=(loader,), data="/data/flowers")
    copied = stored(
        tmp_path / "c",
        *measurements_of(loader, "", 7),
        claims=(loader,),
        data="/mnt/flowers",
        environment=elsewhere,
    )
    assert list(reasons(compared(generated, flowers)).values()) == [
        "other data: generated images there, /data/flowers here"
    ]
    assert reasons(compared(flowers, copied)) == {}


def test_a_claim_of_its_own_metric(tmp_path: Path) -> None:
    """A claim about bytes is compared by bytes exactly, and by time as well."""
    memory = claim("M1", metric="peak_bytes")
    first = stored(tmp_path / "a", *measurements_of(memory, "", 7), claims=(memory,))
    doubled = [
        replace(m, trials=tuple(replace(t, exact={"peak_bytes": 2.0**21}) for t in m.trials))
        for m in measurements_of(memory, "", 7)
    ]
    found = compared(first, stored(tmp_path / "b", *doubled, claims=(memory,)))
    assert [(line.difference.comparison.metric, line.difference.differs) for line in found.lines] == [
        ("seconds", Differs.NOT_SHOWN),
        ("peak_bytes", Differs.HIGHER),
    ]


def test_zeros_are_finite(tmp_path: Path) -> None:
    """Waits of nothing on one side or both give a ratio that is a number."""
    waits = claim("W1", metric="wait_seconds", loader=True)

    def waiting(seconds: float) -> list[Measurement]:
        return [
            Measurement("bench_w1.py::bench_w1", "W1", n,
                        trials=(Trial(BASELINE, samples={"wait_seconds": (seconds,) * 5}),))
            for n in range(1, 8)
        ]  # fmt: skip

    nothing, again, some = (
        stored(tmp_path / name, *waiting(seconds), claims=(waits,))
        for name, seconds in zip("abc", (0, 0, 1e-3), strict=True)
    )
    (same,), (more,) = compared(nothing, again).lines, compared(nothing, some).lines
    assert same.difference.comparison.ratio == 1.0
    assert more.difference.differs is Differs.HIGHER
    assert more.difference.comparison.ratio < float("inf")


def test_what_all_share_is_a_warning(tmp_path: Path) -> None:
    """Where nearly all times moved the same way, the machine is named as the likelier cause."""
    names = {f"v{n}": 1e-3 for n in range(9)}
    first = stored(tmp_path / "a", *measurements_of(ONE, "", 7, names))
    slower = [
        replace(
            m,
            trials=tuple(
                replace(t, samples={"seconds": tuple(1.1 * s for s in t.samples["seconds"])})
                for t in m.trials
            ),
        )
        for m in measurements_of(ONE, "", 7, names, salt=1)
    ]
    found = compared(first, stored(tmp_path / "b", *slower))
    assert len(found.warnings) == 1
    assert "10 of 10 times are slower in b than in a" in found.warnings[0]
    assert compared(first, stored(tmp_path / "c", *measurements_of(ONE, "", 7, names, salt=2))).warnings == ()


# --- the sides of a gate ------------------------------------------------------------------------------------


@pytest.fixture
def gate(tmp_path: Path) -> Path:
    """A gate of nine units, its head a tenth slower in one variant, on a machine whose speed doubles
    half-way."""
    folder = tmp_path / "results" / "2026-01-05_10-00-00"
    writer = open_gate(folder, [ONE], base="old", head="new")
    environments = {
        side: {**ENVIRONMENT, "software": {"torch": f"{side}, at first"}} for side in ("base", "head")
    }
    writer.write(
        "header",
        schema=1,
        environment=environments["head"],
        base_environment=environments["base"],
        planned=[],
    )
    for unit in range(1, 10):
        speed = 1.0 if unit < 5 else 0.5
        for variant, slower in ((BASELINE, 1.0), ("quick", 1.1)):
            sides = [
                Trial(name, samples={"seconds": rounds(1e-3 * speed * factor, 10 * unit + n)})
                for n, (name, factor) in enumerate(((BASELINE, 1.0), ("head", slower)))
            ]
            write_pairing(writer, variant, Measurement(CASE, "A1", unit, trials=tuple(sides), seconds=1.0))
    writer.close()
    document = {
        side: {
            "arm": side,  # codespell:ignore
            "environment": {**ENVIRONMENT, "software": {"torch": side}},
        }
        for side in ("base", "head")
    }
    (folder / "gate.json").write_text(json.dumps(document))
    return folder


def test_the_sides_of_a_gate_are_paired(gate: Path) -> None:
    """Base and head took turns block by block, so a machine that changed half-way takes nothing from the
    answer."""
    sides = [(word, open_entry(find(f"{gate}@{word}", gate.parent))) for word in ("base", "head")]
    assert [run.environment["software"]["torch"] for _, run in sides] == ["base", "head"]
    found = compare_runs(columns(sides, Axis.RUN), Axis.RUN)
    assert found.paired
    by_variant = {line.variant: line.difference for line in found.lines}
    assert by_variant[BASELINE].differs is Differs.NOT_SHOWN
    assert by_variant["quick"].differs is Differs.HIGHER
    assert by_variant["quick"].comparison.ratio == pytest.approx(1.1, rel=0.01)


def test_a_gate_that_was_killed_still_has_its_environments(gate: Path) -> None:
    """Without a result the sides' environments are those that its record begins with."""
    (gate / "gate.json").unlink()
    sides = [open_entry(find(f"{gate}@{word}", gate.parent)) for word in ("base", "head")]
    assert [run.environment["software"]["torch"] for run in sides] == ["base, at first", "head, at first"]


def test_a_gate_as_a_whole_is_no_run(gate: Path) -> None:
    """Without a side the message says what to type; a side of a run that is no gate is refused."""
    with pytest.raises(StoreError, match=r"@base or .*@head"):
        open_entry(find(gate, gate.parent))
    (gate / "gate.json").write_text("[]")
    with pytest.raises(StoreError, match="not a result of a gate"):
        open_entry(find(f"{gate}@base", gate.parent))
    (gate / "gate.jsonl").write_text('{"record": "pairing", "of": "x"}\n')
    with pytest.raises(StoreError, match=r"gate\.jsonl:1"):
        open_entry(find(f"{gate}@head", gate.parent))
