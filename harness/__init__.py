"""Put PyTorch's performance tips on trial on your own machine.

A benchmark needs three names from here: `claim` states the tip, `prepared` or `variant` hands over a way of doing the
work, `Unavailable` says why this machine cannot run one. Importing this package imports no torch.
"""

from harness.claims import claim
from harness.contest.variant import Unavailable, prepared, variant

__all__ = ["Unavailable", "__version__", "claim", "prepared", "variant"]
__version__ = "0.1.0"
