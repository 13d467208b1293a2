"""The [tool.harness] table: what it states, and a clear error for everything else."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path, PurePath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.errors import UsageError
from harness.gate.configuration import Configuration, configuration, share, with_targets
from harness.judge.regression import GateThresholds
from harness.model import Claim


def stating(folder: Path, *lines: str) -> Path:
    """A pyproject.toml whose [tool.harness] has these lines."""
    file = folder / "pyproject.toml"
    file.write_text("\n".join(["[tool.harness]", *lines]))
    return file.resolve()


def test_everything_that_can_be_stated(tmp_path: Path) -> None:
    """Names, pins and every kind of threshold are read, shares as numbers or in per cent."""
    file = stating(
        tmp_path,
        'under-test = ["work", "company.tools", "work"]',
        'pins = "ci/constraints.txt"',
        'not-required = ["opencv-python", "opencv-python"]',
        'untracked-limit = "2 GiB"',
        'target = "3%"',
        "loader-target = 0.08",
        'alpha = "0.002"',
        "bytes-tolerance = 0",
        'bytes-floor = "64 KiB"',
        "failing-looks = [12, 24]",
        "[tool.harness.targets]",
        '"url_*" = "10%"',
        '"tests/*" = 0.2',
    )
    assert configuration(tmp_path) == Configuration(
        ("work", "company.tools"),
        PurePath("ci/constraints.txt"),
        GateThresholds(
            target=0.03,
            loader_target=0.08,
            alpha=0.002,
            bytes_tolerance=0.0,
            bytes_floor=2**16,
            failing_looks=(12, 24),
        ),
        ("opencv-python",),
        2**31,
        file,
        targets={"url_*": 0.1, "tests/*": 0.2},
    )


def test_the_nearest_table_counts(tmp_path: Path) -> None:
    """The first pyproject.toml on the way up that has the table is the one, with its thresholds and its
    folder."""
    outer = stating(tmp_path, "target = 0.03", 'under-test = ["work"]')
    inner = tmp_path / "a" / "benchmarks" / "deep"
    inner.mkdir(parents=True)
    (inner.parent / "pyproject.toml").write_text("[tool.ruff]\nline-length = 100\n")
    (tmp_path / "a" / "pyproject.toml").write_text("[project]\nname = 'a'\n")
    found = configuration(inner)
    assert (found.file, found.thresholds.target, found.under_test) == (outer, 0.03, ("work",))
    nearest = stating(tmp_path / "a", "target = 0.04")
    found = configuration(inner)
    assert (found.file, found.thresholds.target, found.under_test) == (nearest, 0.04, ())


def test_where_no_file_has_the_table(tmp_path: Path) -> None:
    """It belongs into the nearest file of a project, else into the nearest; nothing outside the repository
    counts."""
    stating(tmp_path, "target = 0.03")
    top = tmp_path / "repository"
    inner = top / "benchmarks"
    inner.mkdir(parents=True)
    (top / ".git").mkdir()
    assert configuration(inner) == Configuration()
    (inner / "pyproject.toml").write_text("[tool.ruff]\n")
    assert configuration(inner).file == inner.resolve() / "pyproject.toml"
    (top / "pyproject.toml").write_text("[project]\nname = 'a'\n")
    assert configuration(inner).file == top.resolve() / "pyproject.toml"


@pytest.mark.parametrize(
    ("text", "size"),
    [('"8GiB"', 2**33), ('"500 MiB"', 500 * 2**20), ('"12 B"', 12), ("0", 0), ("4096", 4096)],
)
def test_sizes_as_people_write_them(tmp_path: Path, text: str, size: int) -> None:
    """The limit of untracked files is a number of bytes, or one with a unit; a GiB where nothing is
    stated."""
    stating(tmp_path, f"untracked-limit = {text}")
    assert configuration(tmp_path).untracked_limit == size
    assert Configuration().untracked_limit == 2**30


def test_no_file_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without any pyproject.toml everything is at its default."""
    monkeypatch.setattr(Path, "is_file", lambda self: False)
    assert configuration(tmp_path) == Configuration()


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (
            "goals = 0.03",
            "has no key 'goals' (allowed: under-test, pins, not-required, untracked-limit, target,",
        ),
        ("loader_target = 0.1", "has no key 'loader_target'"),
        ('under-test = "work"', "under-test: 'work' is not a list of import names"),
        ('under-test = ["my-package"]', "'my-package' is not a name that can be imported"),
        ('under-test = ["work."]', "'work.' is not a name that can be imported"),
        ('under-test = ["class"]', "'class' is not a name that can be imported"),
        ("under-test = [3]", "under-test: [3] is not a list of import names"),
        ('under-test = ["harness.measure.clock"]', "harness does the measuring, on both sides"),
        ("pins = true", "pins: True is not the path of a file in the repository"),
        ('pins = ""', "pins: '' is not the path of a file in the repository"),
        ('pins = "/etc/pins.txt"', "pins: '/etc/pins.txt' is not the path of a file in the repository"),
        ("target = true", "target: True is not a share (examples: 0.05, "),
        ("target = [0.03]", "target: [0.03] is not a share (examples: 0.05, "),
        ("target = 5", "target is a share between 0 and 1, not 5"),
        ('target = "5"', "target: '5' is not a share below 1 (examples: 3%, 0.03)"),
        ("target = nan", "target is a share between 0 and 1, not nan"),
        ("loader-target = 0", "loader-target is a share between 0 and 1, not 0"),
        ("bytes-floor = -1", "bytes-floor: -1 is not a number of bytes"),
        ("bytes-floor = 1.5", "bytes-floor: 1.5 is not a number of bytes"),
        ('bytes-floor = "1 MB"', "bytes-floor: '1 MB' is not a number of bytes (examples: 65536, \"1 MiB\")"),
        ("bytes-tolerance = -0.5", "bytes-tolerance is a share in [0, 1), not -0.5"),
        ('not-required = "opencv-python"', 'is not a list of distributions (example: ["opencv-python"])'),
        ("not-required = [3]", "not-required: [3] is not a list of distributions"),
        ('untracked-limit = "much"', "untracked-limit: 'much' is not a number of bytes"),
        ("untracked-limit = -1", "untracked-limit: -1 is not a number of bytes"),
        ("failing-looks = 14", "failing-looks: 14 is not a list of numbers of units"),
        ("failing-looks = [true]", "failing-looks: [True] is not a list of numbers of units"),
        ("passing-looks = [8, 6]", "passing-looks are ascending numbers of units"),
        ("targets = 0.1", 'targets: 0.1 is not a table of patterns (example: "test_url_*" = "10%")'),
        ("targets = {x = true}", "targets.x: True is not a share (examples: 0.05, "),
        ("targets = {x = 1.5}", "targets.x: 1.5 is not a share above 0 and up to 0.99"),
        ("targets = {x = 0}", "targets.x: 0 is not a share above 0 and up to 0.99"),
        ("target =", "is not valid TOML"),
    ],
)
def test_bad_keys_and_values(tmp_path: Path, line: str, words: str) -> None:
    """Each bad key or value is one message with the file, the key and what is allowed there."""
    file = stating(tmp_path, line)
    with pytest.raises(UsageError) as caught:
        configuration(tmp_path)
    assert str(caught.value).startswith(str(file))
    assert words in str(caught.value)


@pytest.mark.parametrize(
    "content", ["tool = 3\n", "[tool]\nharness = 3\n", "[[tool.harness]]\ntarget = 0.03\n"]
)
def test_tables_that_are_not_tables(tmp_path: Path, content: str) -> None:
    """A tool.harness that is not a table is an error; a tool that is not one is left alone."""
    (tmp_path / "pyproject.toml").write_text(content)
    if "harness" not in content:
        assert configuration(tmp_path).thresholds == GateThresholds()
    else:
        with pytest.raises(UsageError, match="is not a table of keys"):
            configuration(tmp_path)


def test_bytes_that_are_not_text(tmp_path: Path) -> None:
    """A file that is not UTF-8 is named."""
    (tmp_path / "pyproject.toml").write_bytes(b"[tool.harness]\n# \xff\n")
    with pytest.raises(UsageError, match=r"pyproject\.toml is not valid TOML"):
        configuration(tmp_path)


@pytest.mark.parametrize(
    ("text", "value"),
    [("3%", 0.03), (" 2.5 % ", 0.025), ("0.03", 0.03), (".1", 0.1), ("0", 0.0), ("99.9%", 0.999)],
)
def test_shares_as_people_write_them(text: str, value: float) -> None:
    """Per cent and plain shares mean the same."""
    assert share(text) == pytest.approx(value, rel=1e-12)


@pytest.mark.parametrize(
    "text", ["", "%", "5", "100%", "1.0", "-3%", "3%%", "3 percent", "nan", "inf", "1e-2", "٣%"]
)
def test_what_is_not_a_share(text: str) -> None:
    """What is not a number below 1, or could mean two things, is refused with an example."""
    with pytest.raises(UsageError, match=r"is not a share below 1 \(examples: 3%, 0\.03\)"):
        share(text)


@given(st.text())
def test_no_text_surprises_the_reader_of_shares(text: str) -> None:
    """Any text is a share in [0, 1) or a UsageError."""
    with suppress(UsageError):
        assert 0 <= share(text) < 1


def test_a_target_for_each_benchmark() -> None:
    """By name, path and function, or path; the last pattern that fits, else what the benchmark states."""
    claims = [
        Claim("url_join", "", "url/test_url.py", "TestUrl::test_url_join"),
        Claim("url_split", "", "url/test_url.py", "test_url_split", target=0.5),
        Claim("query", "", "test_query.py", "test_query", target=0.3),
    ]
    stated = {"url_*": 0.1, "url/test_url.py::TestUrl::*": 0.2, "*/test_url.py": 0.15, "url_s*": 0.4}
    found = with_targets(claims, Configuration(targets=stated), claims)
    assert [claim.target for claim in found] == [0.15, 0.4, 0.3]
    assert with_targets(claims[2:], Configuration(targets=stated), claims) == (claims[2],)
    assert with_targets(claims, Configuration(), claims) == tuple(claims)


def test_a_pattern_that_fits_nothing(tmp_path: Path) -> None:
    """It was written for something that is gone, or misspelt."""
    claims = [Claim(f"c{number}", "", "a.py", "b") for number in range(7)]
    stated = Configuration(targets={"c*": 0.1, "C1": 0.2}, file=tmp_path / "pyproject.toml")
    with pytest.raises(UsageError) as caught:
        with_targets(claims[:1], stated, claims)
    assert str(caught.value) == (
        f"{tmp_path}/pyproject.toml: [tool.harness.targets] 'C1' matches no benchmark's name, path::function or path "
        "(there are c0, c1, c2, c3, c4, ...)"
    )
