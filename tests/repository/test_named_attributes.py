"""Every attribute of torch.cuda, torch.backends, pynvml, DALI and Triton that our code names is there to be
named.

Code that needs a GPU does not run in these tests, so that a name that was misspelt, or is gone, would show on
a GPU alone. Names are collected from the syntax trees and looked up in the installed packages; for the oldest
torch that is supported, in a list of its own.
"""

from __future__ import annotations

import ast
import importlib
import json
import re
from collections.abc import Iterator, Mapping
from functools import cache
from importlib.util import find_spec
from typing import Any

import pytest

from tests.support.living import ROOT

FOLDERS = ("harness", "benchmarks", "scripts")
WATCHED = (
    "torch.autograd", "torch.backends", "torch.cuda", "torch.nn.functional", "torch.profiler", "torch.utils",
    "torch.version", "torch._C", "torch._utils", "triton",
)  # fmt: skip
OLDEST = ROOT / "tests" / "data" / "torch-2.11-names.json"
"""What the modules that our code names hold in torch 2.11, by module. This file writes it when it is run by a
Python with that torch: ``python tests/repository/test_named_attributes.py``."""

GUARDED = {
    "torch._C": "benchmarks/memory/bench_expandable_segments.py",
    "torch._C._accelerator_setAllocatorSettings": "benchmarks/memory/bench_expandable_segments.py",
    "torch.cuda.memory._record_memory_history": "harness/probes/snapshot.py",
    "torch.cuda.memory._snapshot": "harness/probes/snapshot.py",
}
"""Names that code looks for before it uses them, and where."""

DALI = "nvidia.dali"
EITHER = (f"{DALI}.fn", f"{DALI}.experimental.dynamic")
"""What a function's argument ``fn`` may be in the files about DALI."""

MADE = {"triton.runtime.driver.active": "triton.backends.nvidia.driver.CudaDriver"}
"""What is made where there is a GPU, and its class."""

OLDER = frozenset({"nvmlDeviceGetTemperature", "nvmlDeviceGetCurrentClocksThrottleReasons"})
"""Functions of NVML that stand in for newer ones: a later version may lack them."""


@pytest.fixture(scope="module", autouse=True)
def parsed_for_this_file_alone() -> Iterator[None]:
    """Half a million nodes would be looked at in every collection of garbage of later tests."""
    yield
    sources.cache_clear()


@cache
def sources() -> dict[str, ast.Module]:
    """Every file of ours, parsed."""
    return {
        str(path.relative_to(ROOT)): ast.parse(path.read_text(encoding="utf-8"))
        for folder in FOLDERS
        for path in sorted((ROOT / folder).rglob("*.py"))
    }


def dotted(node: ast.AST) -> str:
    """``a.b.c`` of an expression that is just that; nothing of any other."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute) and (before := dotted(node.value)):
        return f"{before}.{node.attr}"
    return ""


def imported(tree: ast.Module) -> dict[str, str]:
    """What a file's own names stand for, by its imports."""
    known: dict[str, str] = {}
    for node in ast.walk(tree):
        match node:
            case ast.Import(names=names):
                for alias in names:
                    first = alias.name.partition(".")[0]
                    known[alias.asname or first] = alias.name if alias.asname else first
            case ast.ImportFrom(module=str(module), names=names, level=0):
                known.update({alias.asname or alias.name: f"{module}.{alias.name}" for alias in names})
    return known


def named(tree: ast.Module, known: Mapping[str, str]) -> Iterator[str]:
    """The full names of imports, and of attributes of what was imported."""
    yield from known.values()
    for node in ast.walk(tree):
        first, _, rest = dotted(node).partition(".") if isinstance(node, ast.Attribute) else ("", "", "")
        if first in known and rest:
            yield f"{known[first]}.{rest}"


def watched() -> dict[str, str]:
    """The names of torch's and Triton's that our code has, each with a file that has it."""
    found: dict[str, str] = {}
    for file, tree in sources().items():
        for name in named(tree, imported(tree)):
            if any(name == top or name.startswith(f"{top}.") for top in WATCHED):
                found.setdefault(name, file)
    return found


def of_dali() -> Iterator[tuple[str, tuple[str, ...]]]:
    """Each name of DALI's that our code has: the file, and the full names of which one must be there."""
    for file, tree in sources().items():
        if "dali" not in file:
            continue
        aliases = dict(_dali_modules(tree))
        for node in ast.walk(tree):
            if not isinstance(node, ast.Attribute):
                continue
            first, _, rest = dotted(node).partition(".")
            if first == "fn" and rest:
                yield file, tuple(f"{one}.{rest}" for one in EITHER)
            elif first in aliases and rest:
                yield file, (f"{aliases[first]}.{rest}",)
            elif isinstance(node.value, ast.Call) and (path := _dali_module(node.value)):
                yield file, (f"{path}.{node.attr}",)


def _dali_modules(tree: ast.Module) -> Iterator[tuple[str, str]]:
    for node in ast.walk(tree):
        if not isinstance(node, ast.Assign):
            continue
        target, value = node.targets[0], node.value
        pairs = [(target, value)]
        if isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple):
            pairs = list(zip(target.elts, value.elts, strict=True))
        for name, given in pairs:
            if isinstance(name, ast.Name) and isinstance(given, ast.Call) and (path := _dali_module(given)):
                yield name.id, path


def _dali_module(call: ast.Call) -> str:
    """The module of DALI's that ``module("fn")`` stands for; nothing for any other call."""
    if dotted(call.func).rpartition(".")[2] != "module" or len(call.args) > 1:
        return ""
    given = [argument.value for argument in call.args if isinstance(argument, ast.Constant)]
    return ".".join([DALI, *map(str, given)]).rstrip(".") if len(given) == len(call.args) else ""


def of_nvml() -> dict[str, str]:
    """What our code asks of NVML's bindings, by attribute or by a name in quotes, each with a file that
    does."""
    found: dict[str, str] = {}
    for file, tree in sources().items():
        for node in ast.walk(tree):
            match node:
                case ast.Attribute(attr=str(name)) | ast.Constant(value=str(name)):
                    if re.fullmatch(r"nvml(?:Device|System|Init|Shutdown|Memory)\w*|NVML_\w*[A-Z0-9]", name):
                        found.setdefault(name, file)
    return found


@cache
def there(name: str) -> bool:
    """Whether the installed packages have it: a module, or an attribute of one, or of what that holds."""
    for made, kind in MADE.items():
        name = f"{kind}{name.removeprefix(made)}" if f"{name}.".startswith(f"{made}.") else name
    parts = name.split(".")
    for length in range(len(parts), 0, -1):
        try:
            found: Any = importlib.import_module(".".join(parts[:length]))
        except ImportError:
            continue
        for part in parts[length:]:
            if not hasattr(found, part):
                return False
            found = getattr(found, part)
        return True
    return False


def test_torch_has_what_our_code_names() -> None:
    """The one that is installed has every name; what needs a GPU is no exception."""
    names = watched()
    assert {"torch.cuda.synchronize", "torch.backends.cudnn.allow_tf32", "torch.cuda._sleep"} <= set(names)
    absent = {name: file for name, file in names.items() if not there(name)}
    if find_spec("tensorboard") is None:  # without it torch has no module for it
        absent = {
            name: file for name, file in absent.items() if not name.startswith("torch.utils.tensorboard")
        }
    assert absent == {}


def test_the_oldest_torch_has_them_too() -> None:
    """The oldest one that is supported may lack what code looks for before it uses it, and nothing else."""
    held: dict[str, list[str]] = json.loads(OLDEST.read_text())
    missing = {}
    for name, file in watched().items():
        module = next((top for top in _prefixes(name) if top in held), "")
        rest = name.removeprefix(module).lstrip(".").partition(".")[0]
        if (
            name.startswith("torch.")
            and name not in held
            and rest not in held.get(module, [])
            and name not in GUARDED
        ):
            missing[name] = file
    assert missing == {}


def test_names_that_are_guarded_are_used() -> None:
    """An exception that nobody needs any more goes."""
    names = watched()
    assert {name: names.get(name) for name in GUARDED} == GUARDED


def test_nvml_has_what_our_code_names() -> None:
    """The bindings that are installed have every function and constant."""
    pynvml = pytest.importorskip("pynvml")
    names = of_nvml()
    assert {"nvmlDeviceGetTotalEnergyConsumption", "NVML_CLOCK_SM", "nvmlMemory_v2"} <= set(names)
    assert {
        name: file for name, file in names.items() if not hasattr(pynvml, name) and name not in OLDER
    } == {}


def test_dali_has_what_our_code_names() -> None:
    """Pipelines' words and dynamic mode's; a function for both may use what either has."""
    pytest.importorskip(DALI)
    names = list(of_dali())
    assert ("nvidia.dali.experimental.dynamic.EvalContext",) in [alternatives for _, alternatives in names]
    assert [each for each in names if not any(there(name) for name in each[1])] == []


def test_a_name_that_is_not_there_is_found() -> None:
    """Misspelt, or gone: through an import, an alias and a module that was asked for by name."""
    tree = ast.parse(
        "import torch\nfrom torch import cuda as c\ntorch.cuda.sinchronize()\nc.Stream().x\nc.Strem()"
    )
    names = set(named(tree, imported(tree)))
    assert {name for name in names if not there(name)} == {"torch.cuda.sinchronize", "torch.cuda.Strem"}
    assert not there("nvidia.dali.no_such")


def _prefixes(name: str) -> Iterator[str]:
    parts = name.split(".")
    yield from (".".join(parts[:length]) for length in range(len(parts) - 1, 0, -1))


def _write() -> None:
    held: dict[str, list[str]] = {}
    for name in watched():
        for prefix in (name, *_prefixes(name)):
            if not any(
                prefix == top or prefix.startswith(f"{top}.") for top in WATCHED if top.startswith("torch")
            ):
                continue
            try:
                module = importlib.import_module(prefix)
            except ImportError:
                continue
            # Those of torch.backends hold flags as properties of their class, and functions in a module
            # inside.
            every = {*dir(module), *dir(type(module)), *dir(getattr(module, "m", None))}
            held[prefix] = sorted(each for each in every if not each.startswith("__"))
    OLDEST.write_text(json.dumps(dict(sorted(held.items())), separators=(",", ":")) + "\n", encoding="utf-8")


if __name__ == "__main__":
    _write()
