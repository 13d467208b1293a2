"""tensorboardX costs the same as torch.utils.tensorboard.

Why: Both write the same records from a thread, in Python.

Source: PyTorch cookbooks, 2019-2020, which teach tensorboardX.
"""

from contextlib import contextmanager
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from harness import claim, prepared

SCALARS = 100


def written(folder, writer):
    """How many bytes of records one call of SCALARS scalars adds to the writer's file."""
    before = sum(file.stat().st_size for file in Path(folder).iterdir())
    for step in range(SCALARS):
        writer.add_scalar("loss", step / 3, step)
    writer.flush()
    return sum(file.stat().st_size for file in Path(folder).iterdir()) - before


@contextmanager
def writing(kind):
    with TemporaryDirectory() as folder, kind(folder) as writer:
        yield partial(written, folder, writer)


@claim("V3", expect="same", margin=0.1, needs=["tensorboard", "tensorboardX"])
def bench_event_writers(compare):
    import tensorboardX
    from torch.utils.tensorboard import SummaryWriter

    compare(
        baseline=prepared(writing, SummaryWriter),
        tensorboard_x=prepared(writing, tensorboardX.SummaryWriter),
        same=lambda expected, got: abs(got - expected) < 0.2 * expected,
        items=SCALARS,
    )
