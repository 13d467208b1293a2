"""How a step, or a function of the user's, is written on the command line; reading it needs no torch."""

from __future__ import annotations

import re
from dataclasses import dataclass

NETWORKS = ("resnet18", "resnet50")
EXAMPLES = "none, 20ms, resnet18, resnet50, or training:step for a function of yours"


@dataclass(frozen=True, slots=True)
class StepForm:
    """What was written: a network's name, a time in ``seconds``, or a ``function`` of a ``module``;
    else no step.
    """

    network: str = ""
    seconds: float | None = None
    module: str = ""
    function: str = ""


def step_form(text: str) -> StepForm:
    """Read what was written. Raises ValueError with the forms that there are."""
    if text == "none":
        return StepForm()
    if text in NETWORKS:
        return StepForm(network=text)
    if match := re.fullmatch(r"(\d+(?:\.\d+)?)(ms|s)", text):
        return StepForm(seconds=float(match[1]) / (1000 if match[2] == "ms" else 1))
    found = _function(text)
    if found is None:
        raise ValueError(f"--step: {text!r} is not a step (examples: {EXAMPLES})")
    return found


def function_form(text: str) -> StepForm:
    """Read the function that makes a dataset. Raises ValueError with an example."""
    found = _function(text)
    if found is None:
        raise ValueError(
            f"--dataset: {text!r} is not a module and a function in it (example: training:make_dataset)"
        )
    return found


def _function(text: str) -> StepForm | None:
    module, _, function = text.partition(":")
    there = all(module.split(".")) and all(function.split("."))
    return StepForm(module=module, function=function) if there else None
