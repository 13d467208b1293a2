"""The workflow and the action that judge a pull request: their steps are executed as a runner does."""

from __future__ import annotations

import json
import os
import subprocess
import threading
from collections.abc import Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests.support.living import PATIENCE, ROOT

yaml = pytest.importorskip("yaml")

MARK = "<!-- the comment of tipbench's gate -->"


def steps(file: str) -> list[dict[str, Any]]:
    """The steps of the workflow's only job, or of the action."""
    found: dict[str, Any] = yaml.safe_load((ROOT / file).read_text())
    runs = found["runs"] if "runs" in found else found["jobs"]["gate"]
    return list(runs["steps"])


def scripts(file: str) -> list[str]:
    """What the shell runs, step by step."""
    return [step["run"] for step in steps(file) if "run" in step]


FILES = ("examples/gate.yml", "action.yml")


class Host(ThreadingHTTPServer):
    """A host of repositories that keeps the comments of one pull request."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Api)
        self.comments: list[dict[str, Any]] = []
        self.calls: list[str] = []
        self.refuses = False

    @property
    def address(self) -> str:
        """Where its API is."""
        return f"http://127.0.0.1:{self.server_address[1]}"


class Api(BaseHTTPRequestHandler):
    """Comments are listed in pages of a hundred, made and changed by those who have the token."""

    server: Host

    def do_GET(self) -> None:
        """A page of comments."""
        page = int(self.path.rpartition("=")[2])
        self._answer(self.server.comments[100 * (page - 1) : 100 * page])

    def do_POST(self) -> None:
        """A new comment."""
        self.server.comments.append({"id": 1000 + len(self.server.comments), "body": self._body()})
        self._answer({})

    def do_PATCH(self) -> None:
        """A comment that changes."""
        number = int(self.path.rpartition("/")[2])
        (found,) = [comment for comment in self.server.comments if comment["id"] == number]
        found["body"] = self._body()
        self._answer({})

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the standard library's name
        """Nothing."""

    def _body(self) -> str:
        content: dict[str, str] = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        return content["body"]

    def _answer(self, content: object) -> None:
        self.server.calls.append(f"{self.command} {self.path}")
        allowed = self.headers["Authorization"] == "Bearer secret" and not self.server.refuses
        self.send_response(200 if allowed else 403)
        self.end_headers()
        self.wfile.write(json.dumps(content).encode())


@pytest.fixture
def host() -> Iterator[Host]:
    """The host, while a test runs."""
    with Host() as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def execute(script: str, folder: Path, variables: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    """Run a step as a runner does: by bash, which ends at the first error."""
    tools = folder / "tools"
    tools.mkdir(exist_ok=True)
    for name in ("tipbench", "pip"):
        tool = tools / name
        tool.write_text('#!/bin/sh\nprintf "%s\\n" "$(basename "$0")" "$@" >> called\nexit "${STATUS:-0}"\n')
        tool.chmod(0o755)
    environment = {**os.environ, **variables, "PATH": f"{tools}{os.pathsep}{os.environ['PATH']}"}
    environment = {name: value for name, value in environment.items() if not name.startswith("GIT_")}
    return subprocess.run(
        ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", script],
        cwd=folder, env=environment, capture_output=True, text=True, timeout=PATIENCE, check=False,
    )  # fmt: skip


def git(folder: Path, *words: str) -> str:
    """What git prints."""
    who = ["-c", "user.name=A", "-c", "user.email=a@b.c", "-c", "commit.gpgsign=false"]
    done = subprocess.run(["git", *who, *words], cwd=folder, check=True, capture_output=True, text=True)
    return done.stdout.strip()


@pytest.mark.parametrize("file", FILES)
def test_the_gate_is_against_what_was_branched_off_from(file: str, tmp_path: Path) -> None:
    """Whatever the target has become since; the gate's status is the step's, and everything is written."""
    git(tmp_path, "init", "--quiet", "--initial-branch", "main")
    git(tmp_path, "commit", "--quiet", "--allow-empty", "-m", "one")
    start = git(tmp_path, "rev-parse", "HEAD")
    git(tmp_path, "commit", "--quiet", "--allow-empty", "-m", "two")
    git(tmp_path, "update-ref", "refs/remotes/origin/main", "HEAD")
    git(tmp_path, "reset", "--quiet", "--hard", start)
    git(tmp_path, "commit", "--quiet", "--allow-empty", "-m", "own")
    (script,) = [each for each in scripts(file) if "tipbench gate" in each]
    more = {"TARGET": "origin/main", "ARGUMENTS": "--target 3%", "STATUS": "3"}
    assert execute(script, tmp_path, more).returncode == 3
    called = (tmp_path / "called").read_text().split("\n")[:-1]
    usual = ["tipbench", "gate", "--base", start, "--unchanged-ok", "--junit", "gate.xml", "--json", "gate.json",
             "--markdown", "gate.md"]  # fmt: skip
    assert called == [*usual, *(["--target", "3%"] if file == "action.yml" else [])]


def test_the_action_installs_itself(tmp_path: Path) -> None:
    """From where the runner put it, and the project beside it."""
    script = scripts("action.yml")[0]
    done = execute(script, tmp_path, {"GITHUB_ACTION_PATH": "/of/the action", "PROJECT": "-e ."})
    assert done.returncode == 0
    assert (tmp_path / "called").read_text().split("\n")[:-1] == [
        "pip",
        "install",
        "/of/the action[gate]",
        "-e",
        ".",
    ]


def test_the_comment_is_made_once_and_then_changed(tmp_path: Path, host: Host) -> None:
    """It is found among all others, which stay as they are; without a report nothing is said, and a token
    that may not write is a warning."""
    script = scripts("examples/gate.yml")[-1]
    assert scripts("action.yml")[-1] == script
    variables = {"GITHUB_API_URL": host.address, "GITHUB_REPOSITORY": "a/b", "TOKEN": "secret", "NUMBER": "7"}
    assert execute(script, tmp_path, variables).returncode == 0
    assert host.calls == []
    others = [{"id": number, "body": f"looks good {MARK}"} for number in range(100)]
    host.comments = [dict(each) for each in others]
    for text in ("slower by 5 %", "no longer"):
        (tmp_path / "gate.md").write_text(f"# Gate\n{text} ü\n", encoding="utf-8")
        assert execute(script, tmp_path, variables).returncode == 0
        assert host.comments == [*others, {"id": 1100, "body": f"{MARK}\n# Gate\n{text} ü\n"}]
    pages = [
        "GET /repos/a/b/issues/7/comments?per_page=100&page=1",
        "GET /repos/a/b/issues/7/comments?per_page=100&page=2",
    ]
    assert host.calls == [
        *pages, "POST /repos/a/b/issues/7/comments", *pages, "PATCH /repos/a/b/issues/comments/1100",
    ]  # fmt: skip
    host.refuses = True
    refused = execute(script, tmp_path, variables)
    assert refused.returncode == 0
    assert "::warning::no comment: HTTP Error 403" in refused.stdout
    assert "secret" not in refused.stdout + refused.stderr


@pytest.mark.parametrize("file", FILES)
def test_no_script_holds_what_a_pull_request_is_called(file: str) -> None:
    """Names reach the shell as variables alone; the token may do no more than comment."""
    assert not [script for script in scripts(file) if "${{" in script]
    workflow: dict[str, Any] = yaml.safe_load((ROOT / "examples" / "gate.yml").read_text())
    assert workflow["permissions"] == {"contents": "read", "pull-requests": "write"}
