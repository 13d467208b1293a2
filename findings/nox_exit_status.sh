#!/usr/bin/env bash
# nox 2026.10.20. Seen on 2026-11-29, Python 3.11.7.
# Behaviour: whatever status a session's command ends with, nox ends with 1. A command that tells "slower" (1) from
# "cannot tell" (3) or "wrong usage" (2) loses that in CI. A session that calls sys.exit(3) itself ends nox with 3, and
# the sessions after it do not run.
# Seen: command that exits 3: nox exits 1; session that exits 3: nox exits 3.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env" && "$folder/env/bin/pip" install -q nox==2026.10.20
cd "$folder" && cat >noxfile.py <<'PYTHON'
import sys

import nox

@nox.session(venv_backend="none")
def command(session):
    session.run(sys.executable, "-c", "raise SystemExit(3)")

@nox.session(venv_backend="none")
def itself(session):
    sys.exit(3)
PYTHON
status() { env/bin/nox -s "$1" >"$1.log" 2>&1 && echo 0 || echo $?; }
command=$(status command) itself=$(status itself)
echo "command that exits 3: $command; session that exits 3: $itself"
[ "$command" = 1 ] && [ "$itself" = 3 ] || { echo "the behaviour has changed"; exit 1; }
