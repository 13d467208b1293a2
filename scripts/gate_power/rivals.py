"""How other tools decide that head is slower than base.

pytest-benchmark, asv and pyperf are called. benchstat, criterion and nvbench, which are not Python libraries,
are restated: each names the source it follows. A side is a sequence of processes, each a sequence of samples
in seconds. Only a slow-down counts, although several of these tools report a speed-up of identical code, too.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean, stdev
from tempfile import TemporaryDirectory

import numpy as np
from numpy.typing import NDArray
from scipy.stats import mannwhitneyu

Side = Sequence[Sequence[float]]
Decide = Callable[[Side, Side], bool]


def flat(side: Side) -> list[float]:
    """All samples of all processes in a row."""
    return [sample for process in side for sample in process]


def pytest_benchmark(base: Side, head: Side, field: str) -> bool:
    """``--benchmark-compare-fail=FIELD:5%`` of pytest-benchmark; ``field`` is min, median or mean."""
    from pytest_benchmark.stats import Stats
    from pytest_benchmark.utils import parse_compare_fail

    summaries = []
    for side in (head, base):
        stats = Stats()
        for sample in flat(side):
            stats.update(sample)
        summaries.append({field: getattr(stats, field)})
    return bool(parse_compare_fail(f"{field}:5%").fails(*summaries))


def asv_continuous(base: Side, head: Side) -> bool:
    """What ``asv continuous`` marks as worse at its default factor of 1.1, samples kept, which is its
    default, too."""
    from asv.commands.compare import _is_result_better  # type: ignore[import-untyped]  # no public name
    from asv_runner.statistics import compute_stats  # type: ignore[import-untyped]

    (before, base_stats), (after, head_stats) = (compute_stats(flat(side), 1) for side in (base, head))
    return bool(_is_result_better(before, after, (base_stats, flat(base)), (head_stats, flat(head)), 1.1))


def pyperf_compare_to(base: Side, head: Side) -> bool:
    """What ``pyperf compare_to`` lists as slower."""
    return pyperf_lists([(base, head)])[0]


def pyperf_lists(pairs: Sequence[tuple[Side, Side]]) -> list[bool]:
    """``pyperf compare_to --group-by-speed`` for many pairs, one benchmark each of two files.

    Raises RuntimeError with what the command printed where it fails, or prints something else than it used
    to.
    """
    found: list[bool] = []
    for start in range(0, len(pairs), _PYPERF_BATCH):
        found += _pyperf_batch(pairs[start : start + _PYPERF_BATCH])
    return found


_PYPERF_BATCH = 300
"""Benchmarks in a file: pyperf looks for each of them by name among all, so large files become slow."""


def _pyperf_batch(pairs: Sequence[tuple[Side, Side]]) -> list[bool]:
    import pyperf  # type: ignore[import-untyped]

    names = [f"decision-{index}" for index in range(len(pairs))]
    with TemporaryDirectory(prefix="gate-power-") as scratch:
        files = [Path(scratch) / "base.json", Path(scratch) / "head.json"]
        for file, sides in zip(files, zip(*pairs, strict=True), strict=True):
            suite = pyperf.BenchmarkSuite(
                pyperf.Benchmark(
                    [
                        pyperf.Run(list(process), metadata={"name": name}, collect_metadata=False)
                        for process in side
                    ]
                )
                for name, side in zip(names, sides, strict=True)
            )
            suite.dump(str(file))
        done = subprocess.run(
            [sys.executable, "-m", "pyperf", "compare_to", "--group-by-speed", *map(str, files)],
            capture_output=True,
            text=True,
            check=False,
        )
    if done.returncode:
        raise RuntimeError(f"pyperf compare_to failed: {done.stderr or done.stdout}")
    slower = _listed(done.stdout, "Slower")
    if not slower <= set(names):
        raise RuntimeError(
            f"pyperf compare_to lists what was not in its files: {sorted(slower - set(names))}"
        )
    return [name in slower for name in names]


def _listed(printed: str, title: str) -> set[str]:
    """The names under a title such as ``Slower (3):``. Raises RuntimeError where there are not as many as it
    states."""
    names: set[str] = set()
    stated, inside = 0, False
    for line in printed.splitlines():
        if heading := re.fullmatch(r"(\w[\w ]*) \((\d+)\):", line):
            inside = heading[1] == title
            stated += int(heading[2]) if inside else 0
        elif inside and (item := re.match(r"- (\S+): ", line)):
            names.add(item[1])
    if len(names) != stated:
        raise RuntimeError(f"pyperf compare_to states {title} ({stated}) and lists {len(names)}")
    return names


def benchstat(base: Side, head: Side) -> bool:
    """A larger median, and p <= .05 in a two-sided Mann-Whitney test: golang.org/x/perf/benchmath,
    AssumeNothing."""
    before, after = flat(base), flat(head)
    ties = len({*before, *after}) < len(before) + len(after)
    p = mannwhitneyu(before, after, alternative="two-sided", method="asymptotic" if ties else "exact").pvalue
    return bool(p <= 0.05 and np.median(after) > np.median(before))


def criterion(base: Side, head: Side, resamples: int = 2000) -> bool:
    """Regressed by the letter of criterion.rs (src/analysis/compare.rs, src/report.rs) at its default
    thresholds.

    Welch's t beyond what resampling from both sides together gives, two-sided p < .05; and the 95 % bootstrap
    interval of mean(head) / mean(base) - 1 wholly above 1 %. It resamples 100,000 times, which changes no
    rate noticeably.
    """
    before, after = np.array(flat(base)), np.array(flat(head))
    random = np.random.default_rng(0)
    pooled = random.choice(np.concatenate([after, before]), (resamples, after.size + before.size))
    null = _welch(pooled[:, : after.size], pooled[:, after.size :])
    null = null[np.isfinite(null)]
    below = int(np.count_nonzero(null < _welch(after[None], before[None])[0]))
    if not null.size or 2 * min(below, null.size - below) / null.size >= 0.05:
        return False
    ratios = (
        random.choice(after, (resamples, after.size)).mean(axis=1)
        / random.choice(before, (resamples, before.size)).mean(axis=1)
        - 1
    )
    return bool(np.percentile(ratios, 2.5) > 0.01)


def _welch(first: NDArray[np.float64], second: NDArray[np.float64]) -> NDArray[np.float64]:
    variance = first.var(axis=1, ddof=1) / first.shape[1] + second.var(axis=1, ddof=1) / second.shape[1]
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray((first.mean(axis=1) - second.mean(axis=1)) / np.sqrt(variance), dtype=np.float64)


def nvbench_noise(base: Side, head: Side) -> bool:
    """SLOW by nvbench_compare.py: means apart by more than the smaller relative deviation of the two."""
    before, after = flat(base), flat(head)
    noise = min(stdev(side) / fmean(side) for side in (before, after))
    return noise > 0 and fmean(after) / fmean(before) - 1 > noise


def nvbench_gap(base: Side, head: Side) -> bool:
    """SLOW by nvbench_compare_robust.py at its default thresholds: [min, q3] of the two apart by at least 0.5
    %.

    It wants that confirmed in clock cycles, which samples in seconds cannot do; here a gap in time stands.
    """
    before, after = sorted(flat(base)), sorted(flat(head))
    third_quartile = before[(75 * (len(before) - 1) + 50) // 100]
    return after[0] > third_quartile and after[0] / third_quartile - 1 >= 0.005


@dataclass(frozen=True, slots=True)
class Rival:
    """A rule, and the samples that its tool would collect for it.

    So many fresh ``processes`` a side, ``samples`` of each (0: all there are), every one the mean of
    ``rounds`` recorded ones. ``turns`` has base and head alternate as ABBA; otherwise head's processes follow
    base's.
    """

    name: str
    decide: Decide
    processes: int = 1
    samples: int = 0
    rounds: int = 1
    turns: bool = False
    batch: Callable[[Sequence[tuple[Side, Side]]], list[bool]] | None = None

    def decisions(self, pairs: Sequence[tuple[Side, Side]]) -> list[bool]:
        """The rule's decision on each pair of sides."""
        return self.batch(pairs) if self.batch else [self.decide(base, head) for base, head in pairs]

    def collected(self, process: Sequence[float]) -> tuple[float, ...]:
        """What the tool would have of a recorded process."""
        means = [
            fmean(process[i : i + self.rounds]) for i in range(0, len(process) - self.rounds + 1, self.rounds)
        ]
        return tuple(means[: self.samples or None])

    def sides(self, processes: Sequence[Sequence[float]]) -> tuple[Side, Side]:
        """Base and head out of twice as many processes as a side has, in the order they ran."""
        taken = [self.collected(process) for process in processes]
        if self.turns:
            return [taken[i] for i in range(len(taken)) if i % 4 in (0, 3)], [
                taken[i] for i in range(len(taken)) if i % 4 in (1, 2)
            ]
        return taken[: self.processes], taken[self.processes :]


RIVALS = (
    Rival("pytest-benchmark min:5%", lambda base, head: pytest_benchmark(base, head, "min")),
    Rival("pytest-benchmark median:5%", lambda base, head: pytest_benchmark(base, head, "median")),
    Rival("pytest-benchmark mean:5%", lambda base, head: pytest_benchmark(base, head, "mean")),
    Rival("asv continuous", asv_continuous, processes=2, samples=5, rounds=2, turns=True),
    Rival("pyperf compare_to", pyperf_compare_to, processes=20, samples=3, rounds=10, batch=pyperf_lists),
    Rival("benchstat, -count=10", benchstat, samples=10, rounds=3),
    Rival("benchstat, 10 processes", benchstat, processes=10, samples=1, rounds=20),
    Rival("criterion", criterion),
    Rival("nvbench_compare", nvbench_noise),
    Rival("nvbench_compare_robust", nvbench_gap),
)
"""Rounds are about 5 ms. asv's samples are 10 ms, two rounds. Where a tool wants more of one process than the
30 rounds that were recorded (pyperf three values of 100 ms, criterion 100 samples, Go a second each) it gets
what there is."""
