"""Measure one case: what the benchmark handed over becomes a measurement."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from random import Random
from time import monotonic, perf_counter
from typing import TYPE_CHECKING
from zlib import crc32

from harness.measure.affinity import CorePinning
from harness.measure.clock import clock_for
from harness.measure.correctness import Agreement
from harness.measure.failure import failure, logged
from harness.measure.limits import RoundLimits
from harness.measure.local_runner import LocalRunner
from harness.measure.memory import MemoryPass
from harness.measure.runner import VariantRunner
from harness.measure.session import SessionOptions, run_session
from harness.measure.shared_state import to_blame, without
from harness.measure.spec import BenchmarkSpec
from harness.measure.state import BaselineFailed
from harness.measure.variant import Unavailable, Variant
from harness.model import BASELINE, FIXTURE, CaseWarning, Claim, Measurement, Status, Trial, WarningCode
from harness.store import snapshot_file

if TYPE_CHECKING:
    import torch

OwnProcesses = Callable[[Claim, Sequence[str], ExitStack], Mapping[str, VariantRunner]]
"""Starts a process for each of the variants named, in that order; the processes end with the stack."""


@dataclass(frozen=True, slots=True)
class MeasureOptions:
    """How one case is to be measured in this invocation.

    ``variants`` are those still undecided (None: all); ``memory`` adds the pass that finds peak bytes, which
    is not part of the measurement's seconds. ``first`` says that the case was not measured before: what once
    in a run is enough for is looked for. ``own_processes`` starts processes for variants set apart.
    ``snapshots`` is the run's folder if snapshots of the allocator are wanted.
    """

    device: torch.device
    limits: RoundLimits
    seed: int
    invocation: int
    variants: Sequence[str] | None = None
    memory: bool = True
    first: bool = True
    own_processes: OwnProcesses | None = None
    snapshots: Path | None = None


def seed_of(case: str) -> int:
    """The seed of a case's inputs: the same in every process, so that live processes work on equal data."""
    return crc32(case.encode("utf-8", "surrogatepass"))


def measure(case: str, claim: Claim, spec: BenchmarkSpec, options: MeasureOptions) -> Measurement:
    """Measure one case. A failure is a status of the measurement, not an exception.

    Where variants disagree because one of them changes what others read, that one is wrong, and the others
    are measured again without it.
    """
    # Apart, variants share no process; a loader's epochs are too long to be tried in every order.
    if spec.anew is None or claim.apart or claim.loader:
        return _measure_once(case, claim, spec, options)
    changed: list[str] = []
    # Once in a run is enough for what no disagreement shows.
    note_change = partial(changed.extend, spec.variants) if options.first else None
    found = _measure_once(case, claim, spec, options, note_change)
    wrong = [trial.variant for trial in found.trials if trial.status is Status.WRONG]
    wrong += [BASELINE] if found.status is Status.WRONG else []
    if not wrong:
        measured = {trial.variant for trial in found.trials if trial.status is Status.MEASURED}
        wrong = [name for name in changed if name in measured and name != BASELINE]
    if not wrong:
        return found
    try:
        blamed = to_blame(spec, wrong)
    except Exception as error:
        not_retried = CaseWarning(WarningCode.NOT_RETRIED, detail=failure(error))
        return replace(found, warnings=(*found.warnings, not_retried))
    if not blamed:
        return found
    if BASELINE in blamed:
        reason = f"the baseline is wrong: {blamed[BASELINE]}"
        return replace(found, status=Status.WRONG, reason=reason, trials=())
    return _without_blamed(case, claim, spec, options, blamed)


def _without_blamed(
    case: str, claim: Claim, spec: BenchmarkSpec, options: MeasureOptions, blamed: Mapping[str, str]
) -> Measurement:
    """Measure the others on fresh inputs; those to blame are wrong."""
    assert spec.anew is not None
    found: list[Measurement] = []
    spec.anew(lambda fresh: found.append(_measure_once(case, claim, without(fresh, list(blamed)), options)))
    (others,) = found
    trials = {trial.variant: trial for trial in others.trials}
    trials |= {
        name: Trial(name, Status.WRONG, reason, spec.expect[name])
        for name, reason in blamed.items()
        if options.variants is None or name in options.variants
    }
    return replace(others, trials=tuple(trials[name] for name in spec.variants if name in trials))


def _measure_once(
    case: str,
    claim: Claim,
    spec: BenchmarkSpec,
    options: MeasureOptions,
    changed: Callable[[], object] | None = None,
) -> Measurement:
    start = perf_counter()
    wanted = {
        name: given
        for name, given in spec.variants.items()
        if options.variants is None or name == BASELINE or name in options.variants
    }
    absent = [
        Trial(name, given.status, given.reason, spec.expect[name])
        for name, given in wanted.items()
        if isinstance(given, Unavailable)
    ]
    present = {name: given for name, given in wanted.items() if isinstance(given, Variant)}
    blocks: list[tuple[float, float]] = []
    aside: list[float] = []

    def ended(
        status: Status, reason: str = "", trials: Sequence[Trial] = (), warnings: Sequence[CaseWarning] = ()
    ) -> Measurement:
        return Measurement(
            case=case,
            claim=claim.name,
            invocation=options.invocation,
            status=status,
            reason=reason,
            trials=tuple(trials),
            work=spec.work,
            # What another unit would cost, which has no memory pass.
            seconds=perf_counter() - start - sum(aside),
            warnings=tuple(warnings),
            blocks=tuple((round(begin, 6), round(end, 6)) for begin, end in blocks),
        )

    if BASELINE not in present:
        return ended(
            Status.SKIPPED, next((t.reason for t in absent if t.variant == BASELINE), "no baseline"), absent
        )
    if len(present) == 1 and absent:
        return ended(Status.SKIPPED, "; ".join(dict.fromkeys(trial.reason for trial in absent)), absent)
    random = Random(options.seed ^ seed_of(case))
    memory = MemoryPass.PROCESSES if claim.loader else MemoryPass.ALLOCATOR
    limits = options.limits.loader() if claim.loader else options.limits
    try:
        with ExitStack() as stack:
            trials, warnings = run_session(
                runners(claim, present, options, stack, random),
                Agreement(spec.same),
                SessionOptions(
                    limits=limits.apart() if claim.apart else limits,
                    now=monotonic,  # other processes' clock too: the monitor assigns what it saw to blocks
                    random=random,
                    memory=memory if options.memory else MemoryPass.NOTHING,
                    aside=partial(_noting, aside),
                    snapshot=partial(take_snapshot, options.snapshots, case) if options.snapshots else None,
                    changed=changed,
                ),
                reference=spec.reference,
                expect=spec.expect,
                blocks=blocks,
            )
    except BaselineFailed as failed:
        status = Status.TIMED_OUT if failed.status is Status.TIMED_OUT else Status.FAILED
        return ended(
            failed.status, str(failed), [*_not_measured(present, spec, status, str(failed)), *absent]
        )
    except Exception as error:
        reason = logged(error)
        return ended(Status.FAILED, reason, [*_not_measured(present, spec, Status.FAILED, reason), *absent])
    return ended(Status.MEASURED, "", [*trials, *absent], warnings)


def take_snapshot(folder: Path, case: str, runner: VariantRunner) -> None:
    """A snapshot of this variant's allocations into the run's folder. Raises NoSnapshot."""
    runner.snapshot(snapshot_file(folder, case, runner.name))


def _not_measured(
    present: Mapping[str, Variant], spec: BenchmarkSpec, status: Status, reason: str
) -> list[Trial]:
    """A trial with that status for every variant but the baseline; those that cannot run here have theirs."""
    return [Trial(name, status, reason, spec.expect[name]) for name in present if name != BASELINE]


@contextmanager
def _noting(spent: list[float]) -> Iterator[None]:
    """Note the seconds that the inside takes."""
    start = perf_counter()
    try:
        yield
    finally:
        spent.append(perf_counter() - start)


def runners(
    claim: Claim, present: Mapping[str, Variant], options: MeasureOptions, stack: ExitStack, random: Random
) -> Sequence[VariantRunner]:
    """The variants where they are measured, in this process or in live ones that end with the stack."""
    if claim.apart:
        if options.own_processes is None:
            raise RuntimeError("variants set apart need processes of their own, and nothing here starts them")
        # The first to start may get the better memory: it is not always the baseline.
        runners = options.own_processes(claim, random.sample(list(present), len(present)), stack)
        return [runners[name] for name in present]
    settle = placement(claim, stack)
    return [local(name, given, claim, options.device, settle=settle) for name, given in present.items()]


def placement(claim: Claim, stack: ExitStack, turn: int = 0) -> Callable[[], object] | None:
    """What puts this process's threads in their places until the stack closes, beginning with core number
    ``turn``.

    On a GPU, too: work that is bound by the host's launches would move over the cores. None where they are
    better left alone: a loader's workers would inherit the places.
    """
    import torch

    if claim.loader:
        return None
    return stack.enter_context(CorePinning(torch.get_num_threads, turn)).apply


def local(
    name: str,
    given: Variant,
    claim: Claim,
    device: torch.device,
    *,
    rewarm: float = 0.0,
    settle: Callable[[], object] | None = None,
) -> LocalRunner:
    """The runner of a variant in this process; loaders are timed on the host and their CPU-seconds kept.

    So are calls of pytest-benchmark's tests, which may be about anything that a host does.
    """
    from harness.probes import ProcessTree

    tree = ProcessTree(os.getpid()) if claim.loader else None
    clock = clock_for(device, synchronous=claim.loader or claim.fixture == FIXTURE)
    return LocalRunner(name, given, clock, device, tree=tree, rewarm=rewarm, settle=settle)
