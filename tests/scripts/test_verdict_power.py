"""The proof of the verdicts on claims: its units, its draws, and that the recorded figures stay within the
limit."""

from __future__ import annotations

import io
import sys

import numpy as np
import pytest
from rich.console import Console
from verdict_power.__main__ import main, show
from verdict_power.pools import RECORDINGS, Pool, prior_beside, read, units_of
from verdict_power.rules import exact, moderated, tallies

from harness.judge.moderated import NO_PRIOR
from harness.judge.stats import quiet_ratio
from harness.model import Outcome
from tests.support.saved import recorded


@pytest.mark.parametrize("recording", RECORDINGS)
def test_a_unit_is_ten_pairs_or_two_of_a_loader(recording: str) -> None:
    """Every workload of the recording has more units than it has processes."""
    pools = {pool.name: pool for pool in read(RECORDINGS[recording])}
    assert len(pools) == 8
    if recording == "quiet":
        first = recorded("duet")["python_dict"][0]
        assert pools["python_dict"].units[0] == quiet_ratio(first["base"][:10], first["head"][:10])
        assert len(pools["python_dict"].units) == 36 * 3
        assert len(pools["dataloader_epoch_2_workers"].units) == 36 * 10
    assert all(len(pool.units) >= 72 for pool in pools.values())


def test_draws_are_symmetric_around_the_effect() -> None:
    """Signs are flipped by chance, so that identical code has no effect whatever was recorded."""
    pool = Pool("uneven", np.array([0.01, 0.02, 0.06]))
    drawn = pool.draw(4000, 0.10, np.random.default_rng(1))
    assert np.median(drawn) == pytest.approx(np.log(1.10), abs=0.011)
    assert {round(abs(float(log - np.log(1.10))), 9) for log in drawn} == {0.01, 0.02, 0.06}


def test_the_prior_of_a_noisy_workload_is_that_of_quiet_ones() -> None:
    """The workload itself has no say, where there are others of its sort."""
    random = np.random.default_rng(2)
    noisy, quiet, loader = (
        Pool(name, deviation * random.normal(size=200))
        for name, deviation in (("noisy", 0.1), ("quiet", 0.01), ("dataloader", 0.05))
    )
    pools = (noisy, quiet, loader)
    assert prior_beside(noisy, pools, random).variance == pytest.approx(0.01**2, rel=0.8)
    assert prior_beside(loader, pools, random).variance == pytest.approx(0.05**2, rel=0.8)


def test_both_rules_on_units_without_doubt() -> None:
    """Three units are enough for the rule of claims, seven for the earlier one; none is open for ever."""
    clear, none = (units_of(np.full(28, log)) for log in (0.3, 0.0))
    assert moderated(clear, 0.02, NO_PRIOR) == (Outcome.FAILS, 3)
    assert exact(clear, 0.02, NO_PRIOR) == (Outcome.FAILS, 7)
    assert moderated(none, 0.02, NO_PRIOR) == (Outcome.NO_EFFECT, 3)
    assert exact(none, 0.02, NO_PRIOR) == (Outcome.NO_EFFECT, 7)
    open_ = units_of(np.array([0.3, -0.3] * 14))
    assert moderated(open_, 0.02, NO_PRIOR) == exact(open_, 0.02, NO_PRIOR) == (None, 28)


def test_the_noisiest_workload_stays_within_the_limit() -> None:
    """64 MiB relu among quieter work: at the margin at most 2.5 % on either side; 10 % more is found
    early."""
    pools = read(RECORDINGS["quiet"])
    (relu,) = (pool for pool in pools if pool.name.startswith("relu"))
    found = tallies(relu, pools, relu.margin, 1000, 0)["moderated t"]
    assert found.share(Outcome.FAILS).share <= 0.025
    assert found.share(Outcome.NO_EFFECT).share <= 0.025
    more = tallies(relu, pools, 0.10, 60, 0)
    assert more["moderated t"].share(Outcome.FAILS).share == 1.0
    assert float(more["moderated t"].units.split()[0]) < float(more["signed rank"].units.split()[0])


def test_tables_name_what_is_over_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    """One row a workload and rule; where the rule of claims is wrong too often at the margin it is named."""
    text = io.StringIO()
    pools = (Pool("far", np.full(3, 0.5)), Pool("fine", np.array([0.001, 0.002])))
    console = Console(file=text, width=170)
    assert show(console, "made up", pools, trials=8, found=2, seed=0) == []
    assert text.getvalue().count("moderated t") == 2
    assert text.getvalue().count("signed rank") == 2
    monkeypatch.setattr("verdict_power.__main__.LIMIT", -1.0)
    assert show(console, "made up", pools, trials=8, found=2, seed=0) == ["far (made up)", "fine (made up)"]


@pytest.mark.parametrize("option", ["--trials", "--found"])
def test_no_draws_are_no_proof(
    option: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A proof that draws nothing would always succeed."""
    monkeypatch.setattr(sys, "argv", ["verdict_power", option, "0"])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2
    assert f"{option}: '0' is not a whole number from 1" in capsys.readouterr().err
