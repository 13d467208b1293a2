#!/usr/bin/env bash
# nox 2026.10.20. Seen on 2026-11-29, Python 3.11.7.
# Behaviour: on Ctrl-C nox gives the session's command 0.3 s, then sends SIGTERM, and 0.2 s later SIGKILL. A command that
# writes its report when it is interrupted, or ends processes of its own, does not come to it. With
# session.run(..., interrupt_timeout=None) nox waits for the command.
# Seen: a command that takes 2 s to close: killed by default; it closes where nox waits. nox exits with 130 both times.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env" && "$folder/env/bin/pip" install -q nox==2026.10.20
cd "$folder" && cat >command.py <<'PYTHON'
import os, pathlib, signal, sys, time

def close(*_):
    time.sleep(2)
    pathlib.Path(sys.argv[1]).write_text("closed")
    sys.exit(130)

signal.signal(signal.SIGTERM, signal.SIG_IGN)
signal.signal(signal.SIGINT, close)
os.killpg(0, signal.SIGINT)  # as a terminal does
signal.pause()
PYTHON
cat >noxfile.py <<'PYTHON'
import sys

import nox

@nox.session(venv_backend="none")
def default(session):
    session.run(sys.executable, "command.py", "default.txt")

@nox.session(venv_backend="none")
def waiting(session):
    session.run(sys.executable, "command.py", "waiting.txt", interrupt_timeout=None)
PYTHON
status() { setsid --wait env/bin/nox -s "$1" >"$1.log" 2>&1 && echo 0 || echo $?; }
default=$(status default) waiting=$(status waiting)
closed() { [ -e "$1.txt" ] && echo "closed" || echo "was killed"; }
echo "by default the command $(closed default) ($default); where nox waits it $(closed waiting) ($waiting)"
[ ! -e default.txt ] && [ -e waiting.txt ] && [ "$default$waiting" = 130130 ] || { echo "the behaviour has changed"; exit 1; }
