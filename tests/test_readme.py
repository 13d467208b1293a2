"""What the README and the examples tell people to type: it can be typed, and means what they say."""

from __future__ import annotations

import re
import shlex
import tomllib

import pytest
from living import ROOT

from harness.__main__ import parser

TEXTS = {path.name: path.read_text(encoding="utf-8") for path in (ROOT / "README.md", ROOT / "examples" / "gate.yml")}


@pytest.mark.parametrize("name", sorted(TEXTS))
def test_nothing_is_installed_from_an_index_that_does_not_have_it(name: str) -> None:
    """tipbench is installed from a folder or an address, and with parts that it has."""
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["optional-dependencies"]
    installed = re.findall(r"pip install .*tipbench.*", TEXTS[name])
    assert installed
    for command in installed:
        assert "path/to/tipbench" in command or "tipbench[gate] @ " in command
        for named in re.findall(r"tipbench\[([^]]*)\]", command):
            assert set(named.split(",")) <= set(extras)


def test_no_message_names_a_distribution_that_cannot_be_installed() -> None:
    """Messages name the package that is missing, not a part of tipbench."""
    for path in (ROOT / "harness").rglob("*.py"):
        assert not re.search(r"pip install [\"']*tipbench", path.read_text(encoding="utf-8")), path


def _commands() -> list[str]:
    """Every command of ours in the README's consoles, without comments, as arguments of the program."""
    found = []
    for line in re.findall(r"^\$ (.*)$", TEXTS["README.md"], re.MULTILINE):
        words = shlex.split(line, comments=True)
        if words[:3] == ["python", "-m", "harness"]:
            found.append(shlex.join(words[3:]))
        elif words[:1] == ["tipbench"]:
            found.append(shlex.join(words[1:]))
        elif words[:2] == ["nox", "-s"] and "--" in words:
            found.append(shlex.join([words[2], *words[4:]]))
    return found


@pytest.mark.parametrize("command", _commands())
def test_commands_have_the_options_that_they_show(command: str) -> None:
    """Each command of the README is understood as it stands."""
    assert parser().parse_args(shlex.split(command)).command is not None
