#!/usr/bin/env bash
# visdom 0.2.4 (Python 3.11; seen on 2026-11-30): `python -m visdom.server` does not start from what is installed.
#
# The package holds its page without the scripts that the page needs: the first start downloads about thirty files
# from four servers. Where one of these, cdnjs, cannot be reached, the server ends with a ConnectionError before it
# listens; the others' failures are only logged. No request of the Python client needs any of these files: `main()` of
# the same module, without the download, serves windows and answers as usual.
#
# It is only distributed as a source archive whose setup.py imports pkg_resources, without saying so: it cannot be
# built beside a setuptools that no longer has it (82 and later), which is what an isolated build gets.
#
# Seen: "built beside the newest setuptools: False; -m visdom.server ended: True; main() answers: True"
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export TMPDIR=$work
python3 -m venv "$work/venv"
pip="$work/venv/bin/pip --quiet --disable-pip-version-check"
$pip install "setuptools==82.0.0" "wheel==0.45.1" "numpy==2.4.6"
built=True
$pip wheel --no-build-isolation --no-deps -w "$work/wheels" "visdom==0.2.4" >"$work/build.log" 2>&1 || built=False
$pip install "setuptools==79.0.1"
$pip install --no-build-isolation "visdom==0.2.4"
cat >"$work/serve.py" <<'PYTHON'
import os, socket, subprocess, sys, tempfile, time

nowhere = {**os.environ, "https_proxy": "http://127.0.0.1:9", "http_proxy": "http://127.0.0.1:9", "no_proxy": "127.0.0.1"}


def start(words, port):
    """Whether a server started so is there after a while, and its process."""
    process = subprocess.Popen(
        [sys.executable, *words, "-port", str(port), "-bind_local", "-env_path", tempfile.mkdtemp() + "/"],
        env=nowhere, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )
    end = time.monotonic() + 120
    while time.monotonic() < end and process.poll() is None:
        with socket.socket() as tried:
            if tried.connect_ex(("127.0.0.1", port)) == 0:
                return True, process
        time.sleep(0.1)
    return False, process


def free():
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


there, process = start(["-m", "visdom.server"], free())
ended = not there and process.poll() == 1
process.kill()
port = free()
there, process = start(["-c", "from visdom.server.run_server import main; main()"], port)
answers = False
if there:
    os.environ["no_proxy"] = "127.0.0.1"
    from visdom import Visdom

    client = Visdom(server="http://127.0.0.1", port=port, use_incoming_socket=False, raise_exceptions=True)
    answers = client.line([1.0], [0], win="loss") == "loss"
process.kill()
print(f"-m visdom.server ended: {ended}; main() answers: {answers}")
PYTHON
seen="built beside the newest setuptools: $built; $("$work/venv/bin/python" "$work/serve.py")"
echo "$seen"
[ "$seen" = "built beside the newest setuptools: False; -m visdom.server ended: True; main() answers: True" ]
