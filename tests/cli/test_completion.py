"""Completion by the shell: the script that is printed completes commands, options and their values."""

from __future__ import annotations

import shutil
import subprocess
import sys

import pytest

from harness.cli.completion import SHELLS, script
from harness.cli.main import COMMANDS, main, parser

pytest.importorskip("shtab")

COMPLETED = """
{script}
COMP_WORDS=({words}); COMP_CWORD={at}; COMP_LINE="{words}"; COMP_POINT=${{#COMP_LINE}}
_shtab_tipbench
printf '%s\\n' "${{COMPREPLY[@]}}"
echo -----
"""


@pytest.fixture(scope="module")
def bash() -> str:
    """The script for bash."""
    return script(parser(), "bash")


def test_bash_completes(bash: str) -> None:
    """Commands, the options of a command, and the values of an option."""
    if shutil.which("bash") is None:
        pytest.skip("has no bash")
    asked = ("tipbench tu", "tipbench bench --sel", "tipbench bench --profile s")
    text = "\n".join(
        COMPLETED.format(script=bash if not index else "", words=words, at=len(words.split()) - 1)
        for index, words in enumerate(asked)
    )
    done = subprocess.run(["bash", "--norc"], input=text, capture_output=True, text=True, check=True)
    replies = [reply.split() for reply in done.stdout.split("-----\n")[:-1]]
    assert [sorted(reply) for reply in replies] == [["tune"], ["--select"], ["smoke", "standard"]]


def test_every_command_is_in_it(bash: str) -> None:
    """And options of each, for folders and files completed as such."""
    assert all(f"_shtab_tipbench_{name}_option_strings" in bash for name in COMMANDS)
    assert "_shtab_compgen_dirs" in bash and "_shtab_compgen_files" in bash


@pytest.mark.parametrize("shell", SHELLS)
def test_it_is_printed_for_every_shell(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    """The status is 0, and no command is needed."""
    assert main(["--print-completion", shell]) == 0
    assert "tipbench" in capsys.readouterr().out


def test_without_shtab_one_line_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The package is imported when a script is printed, and by nothing else."""
    monkeypatch.setitem(sys.modules, "shtab", None)
    assert main(["--print-completion", "bash"]) == 2
    assert "shtab is not installed" in capsys.readouterr().err
