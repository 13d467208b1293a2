"""The hardware that a kernel uses, by its name."""

from __future__ import annotations

import re

_TENSOR_CORES = re.compile(
    # shapes of the instructions of Volta, Turing, Ampere: s884, h1688, 16816, i8816, i16832
    r"[his]884|[hcs]1688|16816|i8816|16832"
    # the instructions by name: mma.sync of half, integers and bits; Hopper's and Blackwell's
    r"|[hi]mma|gmma|tcgen05|(?<![a-z])umma"
    # cuDNN's and cuBLAS's families: xmma, nvjet; CUTLASS's word for them; attention kernels that are made of
    # them
    r"|xmma|nvjet|tensorop|flash_(fwd|bwd)|fmha"
    r"|first_layer_wgrad_kernel|dgrad_1x1_stride_2x2|conv2d_c1_k1",
    re.IGNORECASE,
)
_NONE = re.compile(r"simt|ffma|xmma\w*_f32f32_f32f32|fmha\w*_f32_", re.IGNORECASE)
"""Names of kernels of the same families that use ordinary cores."""


def tensor_cores(name: str) -> bool:
    """Whether a kernel uses tensor cores, by its name.

    Names are all that a trace has: a kernel that was compiled for one program (triton's) may use them under
    any name.
    """
    return _TENSOR_CORES.search(name) is not None and _NONE.search(name) is None
