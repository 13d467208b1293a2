"""The kinds of loaders, one file each: `KINDS` is the list of those that `tune` can race.

A file holds the loader and its `KIND`: the name, what its workers are, the extra that installs its
package, how it is made, and the code that `tune` prints for it. Add a file, name it in `KINDS`, and
every command and test knows the kind.

Nothing here imports torch until a loader is made. Commands and reports that only name a kind, or
print its code, run where there is no torch: so files import torch, NumPy and the package that they
wrap inside the functions that need them. That is why a description and its loader can share one
file.
"""

from __future__ import annotations

from collections.abc import Mapping

from harness.loading.loaders import (
    background,
    dali,
    dali_capture,
    dali_dynamic,
    dali_gpu,
    dali_proxy,
    dataloader,
    nodes,
    packed,
    shards,
    side_stream,
    spdl,
    tensors,
    uint8,
)
from harness.loading.loaders.kind import LoaderKind
from harness.loading.loaders.own_dataset import own_code as own_code

KINDS = (
    dataloader.KIND,
    tensors.KIND,
    uint8.KIND,
    background.KIND,
    side_stream.KIND,
    packed.KIND,
    shards.KIND,
    spdl.KIND,
    nodes.KIND,
    dali.KIND,
    dali_gpu.KIND,
    dali_dynamic.KIND,
    dali_capture.KIND,
    dali_proxy.KIND,
)
"""Every kind, in the order in which they are listed."""

LOADER_KINDS: Mapping[str, LoaderKind] = {kind.name: kind for kind in KINDS}
"""The same by name."""
