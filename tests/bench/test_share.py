"""Which node has which case: today, tomorrow, and when a node leaves."""

from __future__ import annotations

import argparse
from collections import Counter

import pytest

from harness.bench.share import Share, node_of
from harness.cli.values import folder_name, share

CASES = [f"bench_{name}.py::bench_{name}[{size}]" for name in "abcdefghij" for size in range(30)]
NODES = ("n1", "n2", "n3", "n4")


def test_a_case_keeps_its_node() -> None:
    """These were computed once: another node would end every trend of the case."""
    assert [node_of(case, NODES) for case in CASES[:6]] == ["n2", "n4", "n3", "n2", "n3", "n2"]
    assert node_of("caf\udce9", NODES) in NODES


def test_the_order_of_nodes_changes_nothing() -> None:
    """A scheduler may list them in any."""
    assert [node_of(case, NODES) for case in CASES] == [node_of(case, NODES[::-1]) for case in CASES]


def test_each_case_has_one_node_and_each_node_its_part() -> None:
    """Nobody's work is done twice, and none is far above its part."""
    shares = [Share(node, NODES) for node in NODES]
    assert all(sum(one.has(case) for one in shares) == 1 for case in CASES)
    counts = Counter(node_of(case, NODES) for case in CASES)
    assert set(counts) == set(NODES)
    assert max(counts.values()) < 1.4 * len(CASES) / len(NODES)


def test_only_the_cases_of_a_node_that_leaves_move() -> None:
    """The others stay where their history is."""
    left = [node for node in NODES if node != "n3"]
    moved = [case for case in CASES if node_of(case, left) != node_of(case, NODES)]
    assert moved == [case for case in CASES if node_of(case, NODES) == "n3"]


def test_a_share_as_it_is_typed() -> None:
    """What is written is read again."""
    assert share("n1/n1,n2") == Share("n1", ("n1", "n2"))
    assert share(str(Share("b", ("a", "b")))) == Share("b", ("a", "b"))


@pytest.mark.parametrize(
    "text", ["", "n1", "n1/", "n1/n2,n3", "n1/n1,n1", "n1/n1,", "../x/../x,n2", "n 1/n 1"]
)
def test_what_is_no_share(text: str) -> None:
    """The message shows one."""
    with pytest.raises(argparse.ArgumentTypeError, match=r"is not a node and the list .*n1/n1,n2,n3"):
        share(text)


@pytest.mark.parametrize("text", ["", "..", "a/b", "latest", "baselines", "-x", "a" * 81])
def test_what_is_no_name_of_a_folder(text: str) -> None:
    """It stays in the folder of results, and no other word of ours means it."""
    assert folder_name("n1.cluster-2") == "n1.cluster-2"
    with pytest.raises(argparse.ArgumentTypeError, match="is not a name: letters, digits"):
        folder_name(text)
