"""Kill process groups, and remove a folder for temporary files, when the process that started this goes away.

Run as a script with the folder for an argument and nothing but the standard library: it reads ``+group`` and
``-group`` lines until its input ends, which happens however its parent dies. Then it kills the groups that
are left and removes the folder if it is still there. SIGKILL reaches stopped processes too.

Further arguments are a command that removes the folder where more is to be done than to delete files; the
folder is added to it. What it leaves is deleted.
"""

import os
import signal
import sys
import time

ATTEMPTS = 100
"""How often the folder is removed: a process that was killed may write into it until it is gone."""

PAUSE = 0.1
"""Seconds between two attempts."""

LONGEST = 60
"""Seconds that the command may take."""


def main() -> None:
    """Keep the list; at the end kill what is on it, and remove the folder."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    groups: set[int] = set()
    for line in sys.stdin:
        group = int(line[1:])
        if line[0] == "+":
            groups.add(group)
        else:
            groups.discard(group)
    for group in groups:
        try:
            os.killpg(group, signal.SIGKILL)
        except OSError:
            continue
    folder, *command = sys.argv[1:]
    if command and os.path.isdir(folder):  # noqa: PTH112
        run([*command, folder])
    remove(folder)


def run(command: list[str]) -> None:
    """Run a command to its end, whatever that is."""
    import subprocess

    quiet = subprocess.DEVNULL
    try:
        subprocess.run(command, stdin=quiet, stdout=quiet, stderr=quiet, timeout=LONGEST, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return


def remove(folder: str) -> None:
    """Remove a folder with all that is in it; what cannot be removed stays."""
    for _ in range(ATTEMPTS):
        if not os.path.isdir(folder):  # noqa: PTH112
            return
        # Only here: where the folder was removed in order, a process that waits for this one need not wait
        # for imports.
        import shutil

        shutil.rmtree(folder, ignore_errors=True)
        if os.path.isdir(folder):  # noqa: PTH112
            time.sleep(PAUSE)


if __name__ == "__main__":
    main()
