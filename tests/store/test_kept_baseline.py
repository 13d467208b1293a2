"""A baseline is made to be committed: it holds what was measured, and nobody's folders."""

from __future__ import annotations

from pathlib import Path

from harness.store import load
from harness.store.run_labels import set_baseline
from harness.store.runs import find
from tests.support.saved import claim, measurements_of, save


def test_a_baseline_names_no_folder(tmp_path: Path) -> None:
    """Of typed and used paths the names at their ends are left; measurements are as they were."""
    typed = (
        "bench",
        "--data=/home/me/flowers",
        "--results",
        "/home/me/r",
        "--select",
        "L1",
        "--budget",
        "5m",
    )
    one = claim("A1")
    folder = tmp_path / "2026-01-01_10-00-00"
    save(folder, [one], measurements_of(one, "m", 3, quick=0.5e-3), command=typed)
    place = set_baseline(find(folder, tmp_path), tmp_path)
    kept, was = load(place), load(folder)
    assert kept.facts["command"] == [
        "bench", "--data=flowers", "--results", "r", "--select", "L1", "--budget", "5m",
    ]  # fmt: skip
    assert (kept.measurements, kept.claims, kept.ended) == (was.measurements, was.claims, was.ended)
    assert not any("/home" in path.read_text() for path in place.iterdir())
