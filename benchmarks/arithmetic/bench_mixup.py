"""Mixup and label smoothing cost next to nothing in a training step.

Why: Mixup reads the images twice more and takes a second loss; label smoothing adds a mean over the classes.
A network takes far longer.

Source: PyTorch cookbooks, 2019-2020.
"""

import torch
from torch.nn.functional import cross_entropy, log_softmax

from harness import claim
from support.networks import convolutional

# Images, side, width of the network.
SHAPES = {"cpu": (16, 32, 16), "cuda": (256, 64, 128)}
SHARE, SMOOTHING, CLASSES = 0.7, 0.1, 10


def same(expected, got):
    """Losses of other inputs differ; each must be what its own scores give by the definition."""
    scores, targets, smoothing, loss = got
    logs = log_softmax(scores.double(), 1)
    losses = [share * -logs.gather(1, target[:, None]).mean() for share, target in targets]
    by_hand = (1 - smoothing) * sum(losses) - smoothing * logs.mean()
    torch.testing.assert_close(loss.double(), by_hand, rtol=1e-4, atol=1e-5)
    assert scores.shape == expected[0].shape


@claim("C17", expect="same", margin=0.03)
def bench_mixup(compare, device):
    images, side, width = SHAPES[device.type]
    x = torch.randn(images, 3, side, side, device=device)
    target = torch.randint(CLASSES, (images,), device=device)
    net = convolutional(width, CLASSES).to(device)

    def step(mixup=False, smoothing=0.0):
        def train():
            mine, targets = x, [(1.0, target)]
            if mixup:
                order = torch.randperm(images, device=device)
                mine = torch.lerp(x[order], x, SHARE)
                targets = [(SHARE, target), (1 - SHARE, target[order])]
            scores = net(mine)
            loss = sum(
                share * cross_entropy(scores, each, label_smoothing=smoothing) for share, each in targets
            )
            net.zero_grad()
            loss.backward()
            return scores.detach(), targets, smoothing, loss.detach()

        return train

    variants = {"mixup": step(mixup=True), "label_smoothing": step(smoothing=SMOOTHING)}
    compare(baseline=step(), **variants, same=same, items=images)
