"""The proof of explanations judges as it states: what is not named rightly, or named too large, is wrong."""

from __future__ import annotations

import ast
import sys

import pytest

from harness.gate.decision import Decision
from tests.support.living import ROOT

sys.path.insert(0, str(ROOT / "scripts"))

from explained import __main__ as proof


def test_every_planted_pair_is_expected_to_say_something() -> None:
    """The pairs of the benchmark are those of the proof, of seven kinds, twenty at least."""
    tree = ast.parse((ROOT / "scripts" / "explained" / proof.FILE).read_text(encoding="utf-8"))
    (pairs,) = (
        node.value
        for node in tree.body
        if isinstance(node, ast.AnnAssign) and isinstance(node.value, ast.Dict)
    )
    assert [ast.literal_eval(key) for key in pairs.keys if key is not None] == [
        each.pair for each in proof.PLANTED
    ]
    assert len(proof.PLANTED) >= 20
    assert len({each.kind for each in proof.PLANTED}) == 7


@pytest.mark.parametrize(
    ("explanation", "wrong"),
    [
        ("aten::neg holds 300 B at the peak instead of 100 B, +200 B", ""),
        (
            "aten::neg holds 300 B at the peak instead of 100 B, +150 B; aten::add holds 60 B, +60 B",
            "names 210 B",
        ),
        ("aten::add holds 300 B at the peak instead of 100 B, +200 B", "does not begin"),
        ("", "does not begin"),
    ],
)
def test_an_explanation_is_right_or_wrong(explanation: str, wrong: str) -> None:
    """It names the right thing first, and in all no more than was measured."""
    planted = proof.Planted("kept", "memory", r"aten::neg holds", "peak_bytes")
    candidate = Decision("a", proof.CLAIM, "baseline", exact={"peak_bytes": (100.0, 300.0)})
    candidate.growth = {"peak_bytes": explanation}
    found, _ = proof._judged(planted, candidate)
    assert found.startswith(wrong)
    assert bool(found) is bool(wrong)


def test_a_pair_that_is_unknown_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing is measured then."""
    assert proof.main(["nothing"]) == 2
    assert "'nothing' is not a planted pair (they are: layer_twice, " in capsys.readouterr().out
