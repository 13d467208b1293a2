"""Kill process groups when whoever started this goes away.

Run as a script with nothing but the standard library: it reads ``+group`` and ``-group`` lines until its input ends,
which happens however its parent dies, and then kills the groups that are left. SIGKILL reaches stopped processes too.
"""

import os
import signal
import sys


def main() -> None:
    """Keep the list; kill what is on it at the end."""
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


if __name__ == "__main__":
    main()
