"""A new benchmark file: it can be read at once, and nothing is ever overwritten."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.claims.file import read_file
from harness.claims.new_file import WIDTH, write_benchmark
from harness.cli.main import main
from harness.errors import UsageError


def test_the_file_is_a_claim(tmp_path: Path) -> None:
    """The sentence, a name made of its words, and a function in a file of that name."""
    file = write_benchmark(tmp_path / "benchmarks", "pow(3) is faster than  x * x * x")
    (found,) = read_file(file, tmp_path)
    assert file.name == "bench_pow_3_is_faster_than.py"
    assert found.sentence == "pow(3) is faster than x * x * x."
    assert (found.name, found.function) == ("pow_3_is_faster_than", "bench_pow_3_is_faster_than")
    assert write_benchmark(tmp_path, "Another.", "A1").read_text().count('@claim("A1"') == 1


@pytest.mark.parametrize(
    "sentence", ['a """ quote', "a \\N{x} b", "a\n\nb", "é a", "a $name ${b}", "a " + "word " * 60, 'a "']
)
def test_any_sentence_is_text(tmp_path: Path, sentence: str) -> None:
    """Whatever it has in it, the file is read and its lines are short."""
    file = write_benchmark(tmp_path, sentence)
    (found,) = read_file(file, tmp_path)
    assert found.sentence.startswith("a") or found.sentence.startswith("é a")
    assert all(len(line) <= WIDTH for line in file.read_text(encoding="utf-8").splitlines())


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    """A file that is there stays as it is, a link to elsewhere included."""
    file = write_benchmark(tmp_path, "A tip.")
    file.write_text("mine")
    (tmp_path / "bench_other.py").symlink_to(tmp_path / "nowhere.py")
    for sentence in ("A tip.", "Other."):
        with pytest.raises(UsageError, match="is there already"):
            write_benchmark(tmp_path, sentence)
    assert file.read_text() == "mine"
    assert not (tmp_path / "nowhere.py").exists()


def test_a_folder_that_cannot_be_written_to_is_named(tmp_path: Path) -> None:
    """With the option that names another."""
    (tmp_path / "file").touch()
    with pytest.raises(UsageError, match=r"cannot write .*bench_a_tip\.py: .*--benchmarks"):
        write_benchmark(tmp_path / "file" / "below", "A tip.")


@pytest.mark.parametrize(("sentence", "name", "message"), [
    ("...", "", "no letter"),
    ("42", "", "no letter"),
    ("A tip.", 'x"', "--name"),
    ("A tip.", "a b", "--name"),
])  # fmt: skip
def test_one_clear_message(tmp_path: Path, sentence: str, name: str, message: str) -> None:
    """What cannot name a file or a claim is refused before anything is written."""
    with pytest.raises(UsageError, match=message):
        write_benchmark(tmp_path / "benchmarks", sentence, name)
    assert not (tmp_path / "benchmarks").exists()


def test_the_command_says_what_to_type_next(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The file, and the command that measures it."""
    assert main(["new", "A tip", "--benchmarks", str(tmp_path)]) == 0
    written = capsys.readouterr().out
    assert str(tmp_path / "bench_a_tip.py") in written
    assert f"bench --select a_tip --budget 1m --benchmarks {tmp_path}" in written
    assert main(["new", "A tip", "--benchmarks", str(tmp_path)]) == 2
