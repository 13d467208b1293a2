"""A real Visdom server on a free port of this machine, for as long as a variant is measured."""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from time import monotonic, sleep
from typing import Any

START = 60.0
"""Seconds that the server may take to start: it imports SciPy and the like."""

Draw = Callable[[int, Any], object]
"""Draws one point of a curve: the step, and a loss with ``item()``."""


@contextmanager
def visdom_client(make: Callable[[Draw], Callable[[], object]]) -> Iterator[Callable[[], object]]:
    """The iteration that ``make`` gives, which draws with a server that ends with the context.

    Every point is checked: the server answers with the window that it drew in. Raises RuntimeError where the
    server does not start, or where it draws nothing.
    """
    from visdom import Visdom

    with TemporaryDirectory() as folder, _server(folder) as port:
        client = Visdom(
            server="http://127.0.0.1", port=port, raise_exceptions=True, use_incoming_socket=False
        )

        def draw(step: int, loss: Any) -> None:
            window = client.line([loss.item()], [step], win="loss", update="append" if step else None)
            if window != "loss":
                raise RuntimeError(f"Visdom drew no point: it answered {window!r}")

        yield make(draw)


@contextmanager
def _server(folder: str) -> Iterator[int]:
    port = _free_port()
    # python -m visdom.server downloads the scripts of its page first, which no request needs. Without
    # -bind_local it listens to other machines.
    start = "from visdom.server.run_server import main; main()"
    words = ["-c", start, "-port", str(port), "-bind_local", "-env_path", f"{folder}/"]
    log = Path(folder, "server.log")
    with log.open("wb") as written:
        process = subprocess.Popen([sys.executable, *words], stdout=written, stderr=written)
    try:
        end = monotonic() + START
        while not _answers(port):
            if process.poll() is not None:
                said = log.read_text(encoding="utf-8", errors="replace").strip().rpartition("\n")[2]
                raise RuntimeError(f"the Visdom server ended with status {process.returncode}: {said}")
            if monotonic() > end:
                raise RuntimeError(f"the Visdom server did not answer in {START:g} s")
            sleep(0.05)
        yield port
    finally:
        process.terminate()
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def _answers(port: int) -> bool:
    with socket.socket() as tried:
        tried.settimeout(1.0)
        return tried.connect_ex(("127.0.0.1", port)) == 0
