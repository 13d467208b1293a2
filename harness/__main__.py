"""``python -m harness``."""

import sys

from harness.cli.main import main

if not sys.flags.safe_path:
    # The working folder, where -m puts it: nothing of ours is there that is not found without it by now.
    del sys.path[0]
sys.exit(main())
