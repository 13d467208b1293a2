"""Drawing the graph of every step is free.

Why: torchviz visits every node of the graph and writes a line of text for each, in Python.

Source: PyTorch cookbooks, 2019-2020.
"""

import torch
from torch import nn

from harness import claim


@claim("V6", expect="same", margin=0.05, needs="torchviz")
def bench_drawn_graphs(compare):
    from torchviz import make_dot

    net = nn.Sequential(*(nn.Linear(64, 64) for _ in range(6)))
    x = torch.randn(32, 64)

    def drawn():
        result = net(x)
        graph = make_dot(result)
        drawn_parameters = sum("lightblue" in line for line in graph.body)
        assert drawn_parameters == len(list(net.parameters())), f"{drawn_parameters} parameters are drawn"
        return result

    compare(baseline=lambda: net(x), drawn=drawn, same=torch.equal, items=len(x))
