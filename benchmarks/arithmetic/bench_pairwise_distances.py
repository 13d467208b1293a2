"""torch.cdist, or one matrix product, is faster than expanding both sets of points to all pairs.

Why: The expanded form writes a tensor of all pairs and all coordinates. The product does without, but
subtracts large numbers: distances near zero lose their digits.

Source: PyTorch cookbooks, 2019-2020, which teach the expanded form.
"""

import torch

from harness import claim

# Points in either set, coordinates.
SHAPES = {"cpu": (256, 64), "cuda": (4096, 128)}


def errors(expected, got):
    """The largest error of a distance, and of those near zero, relative to the largest distance."""
    off = (got.double() - expected).abs() / expected.max()
    assert off.max() < 5e-3, f"the largest error is {float(off.max()):.2g} of the largest distance"
    return {"max_relative_error": off.max(), "error_near_zero": off.diagonal().max()}


@claim("C6", expect="lower")
def bench_pairwise_distances(compare, device):
    points, coordinates = SHAPES[device.type]
    a = torch.randn(points, coordinates, device=device)
    b = a + 1e-3 * torch.randn_like(a)  # each close to one point of the other set

    def expanded(a, b):
        return (a.unsqueeze(1) - b.unsqueeze(0)).pow(2).sum(-1).sqrt()

    def product():
        squares = a.pow(2).sum(1)[:, None] + b.pow(2).sum(1)[None] - 2 * (a @ b.t())
        return squares.clamp_min(0).sqrt()

    compare(
        baseline=lambda: expanded(a, b),
        cdist=lambda: torch.cdist(a, b),
        product=product,
        same=errors,
        reference=lambda: expanded(a.double(), b.double()),
        items=points**2,
    )
