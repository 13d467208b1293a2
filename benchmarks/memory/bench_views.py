"""Views are free where copies are not: detach() for clone(), expand() for repeat(), slices for copies;
reshape() costs what view() does.

Why: A view is a new header of the same memory, whatever its size. reshape() is a view itself where it can be,
and costs as little as view().

Source: PyTorch cookbooks, 2019-2020.
"""

import pytest
import torch

from harness import claim

# Each as (copy, view).
FORMS = {
    "detach": (lambda x: x.detach().clone(), lambda x: x.detach()),
    "expand": (lambda x: x[:1].repeat(64, 1), lambda x: x[:1].expand(64, -1)),
    "slice": (lambda x: x[:, 1:].clone(), lambda x: x[:, 1:]),
    "transpose": (lambda x: x.t().contiguous(), lambda x: x.t()),
    "reshape": (lambda x: x.reshape(-1, 16), lambda x: x.view(-1, 16)),
}
# Values in a row, of 64 rows.
COLUMNS = {"cpu": 4096, "cuda": 2**18}


@claim("M11", expect="lower", margin=0.1)
@pytest.mark.parametrize("form", list(FORMS))
def bench_views(compare, device, form):
    x = torch.randn(64, COLUMNS[device.type], device=device)
    copy, view = FORMS[form]
    assert view(x).data_ptr() - x.data_ptr() < x.element_size() * x.shape[1], "the view is a copy"
    compare(
        baseline=lambda: copy(x),
        view=lambda: view(x),
        same=torch.equal,
        expect="same" if form == "reshape" else "lower",
    )
