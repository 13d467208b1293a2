"""The house's rules of imports, read from the syntax tree of every module, imports inside functions
included."""

from __future__ import annotations

import ast
import subprocess
import sys
from functools import cache

import pytest
from imports import imported

from tests.support.living import ENVIRONMENT, ROOT

HARNESS = ROOT / "harness"

ORDER = (
    ("errors", "exit_status", "model", "plural", "program"),
    ("claims", "store"),
    ("processes",),
    ("probes", "judge", "profile"),
    ("measure",),
    ("loading", "workers"),
    ("report",),
    ("monitor",),
    ("environment",),
    ("ceilings", "plugin"),
    ("bench",),
    ("cluster", "gate", "training", "tune"),
    ("cli",),
    ("__main__",),
)
"""From the bottom up: a room imports from the rows below its own, never from beside or above."""

INSIDE = {"loading": ("machine", "data", "errors", "loop", "loaders")}
"""The same within a room that has rooms of its own."""

MEASURING = (
    "ceilings", "environment", "loading", "measure", "plugin", "probes", "tune.dataset_worker", "tune.loop_worker",
    "tune.server", "tune.worker", "workers",
)  # fmt: skip
"""What runs where time is measured, or has two ends of which one does."""

JUDGING = ("judge", "profile", "report", "store")
DRIVING = ("bench", "cli", "cluster", "gate", "monitor", "processes", "tune")

JUDGES = frozenset({"harness.judge", "harness.report", "harness.profile", "pandas"})
MACHINES = frozenset({"torch", "torchvision", "pytest", "pytest_benchmark", "pynvml", "nvidia"})
FORBIDDEN = dict.fromkeys((*JUDGING, *DRIVING), MACHINES) | dict.fromkeys(MEASURING, JUDGES)
"""What a room, or a module of it, may import in no function, nor any harness module that it gets hold of."""

DESCRIBED = "harness.loading.loaders"

STANDARD_ONLY = (
    "claims",
    "errors",
    "exit_status",
    "model",
    "plural",
    "processes.launch",
    "processes.live",
    "processes.logs",
    "processes.reaper",
    "program",
    "store",
)
READS_RECORDS = "harness.store.typed"
"""What reads records by msgspec: imported in functions alone, for measuring processes write records without
it."""

ONLY_HERE = {
    "pytest": {"plugin"},
    "pytest_benchmark": {"plugin"},
    "pandas": {"report"},
    "pyarrow": {"report"},
    "bokeh": {"report"},
    "jinja2": {"report"},
    "torchvision": {"loading"},
    "scipy": {"judge"},
    "pynvml": {"probes"},
    "submitit": {"cluster"},
    "rich": {"report", "cli", "gate"},
    "msgspec": {"profile", "store"},
}
PRINTING = {"report", "cli", "__main__"}


@cache
def modules() -> dict[str, str]:
    """Every module of the harness by its full name, with its source."""
    found = {}
    for file in sorted(HARNESS.rglob("*.py")):
        name = ".".join(["harness", *file.relative_to(HARNESS).with_suffix("").parts])
        found[name.removesuffix(".__init__")] = file.read_text(encoding="utf-8")
    return found


def part(module: str) -> str:
    """The part of the house that a module is in; the package's own names are in none."""
    return module.split(".")[1] if "." in module else ""


def forbidden(module: str) -> frozenset[str]:
    """What a module may not import: the rule of the closest that it is or is in."""
    name = module.removeprefix("harness.")
    while name and name not in FORBIDDEN:
        name = name.rpartition(".")[0]
    return FORBIDDEN.get(name, frozenset())


def within(name: str) -> str:
    """The module of ours that an imported name is or is in; nothing for what is not ours."""
    while name.startswith("harness") and name not in modules():
        name = name.rpartition(".")[0]
    return name if name.startswith("harness") else ""


@cache
def reached(module: str) -> frozenset[str]:
    """The modules of ours that come along when this one is imported, itself included."""
    seen, ahead = set(), [module]
    while ahead:
        name = ahead.pop()
        if name in seen:
            continue
        seen.add(name)
        ahead += filter(None, map(within, imported(modules()[name], inside_functions=False)))
    return frozenset(seen)


def belongs(name: str, package: str) -> bool:
    """Whether an imported name is a package or something in it."""
    return name == package or name.startswith(f"{package}.")


def breaches(module: str, source: str, forbidden: frozenset[str]) -> list[str]:
    """What a module imports though it may not: itself anywhere, or through a module that comes along."""
    direct = [
        f"{module} imports {name}" for name in imported(source) for bad in forbidden if belongs(name, bad)
    ]
    along = [
        f"{module} brings along {other}, which imports {name}"
        for target in map(within, imported(source))
        if target
        for other in reached(target)
        for name in imported(modules()[other], inside_functions=False)
        for bad in forbidden
        if belongs(name, bad)
    ]
    return direct + along


# --- the reader ---------------------------------------------------------------------------------------------


def test_imports_are_seen_wherever_they_hide() -> None:
    """The reader sees imports in functions, in branches, by name and by string."""
    source = (
        "import a.b, c\nfrom d import e\nfrom . import f\n"
        "def g():\n    import h\n    if i:\n        from j.k import l\n"
        "    importlib.import_module('m')\nclass N:\n    import o\n    def p(self):\n        __import__('q')\n"
    )
    assert set(imported(source)) == {"a.b", "c", "d", "d.e", "relative", "h", "j.k", "j.k.l", "m", "o", "q"}
    assert set(imported(source, inside_functions=False)) == {"a.b", "c", "d", "d.e", "relative", "o"}


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("harness.measure.calibrate", "def f():\n    from harness.judge.stats import quiet_ratio"),
        ("harness.plugin", "from harness import judge"),
        ("harness.measure.session", "import harness.bench.schedule"),
        ("harness.loading.loop.epoch", "def f():\n    import pandas as pd"),
        ("harness.report.format", "if False:\n    import torch.cuda"),
        (
            "harness.report.format",
            "from harness.measure.clock import FakeClock\nfrom harness.workers import tensors",
        ),
        ("harness.store", "import pytest"),
        ("harness.bench.run", "def f():\n    from torch import cuda"),
    ],
)
def test_planted_breaches_are_seen(module: str, source: str) -> None:
    """Imports that break a rule, one of each kind, are found by one of the checks below."""
    found = breaches(module, source, forbidden(module)) + measuring(module, source) + upwards(module, source)
    assert found != []


# --- the rules ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", sorted(FORBIDDEN))
def test_the_two_sides_meet_only_in_files(name: str) -> None:
    """Measuring knows nothing of judging nor pandas, judging and a run nothing of torch, pytest or NVML."""
    inside = {module: source for module, source in modules().items() if belongs(module, f"harness.{name}")}
    assert inside
    for module, source in inside.items():
        assert breaches(module, source, forbidden(module)) == []


def measuring(module: str, source: str) -> list[str]:
    """What a report imports of the rooms that measure, but for the list of loader kinds, which needs no
    torch."""
    rooms = {"loading", "measure", "plugin", "probes", "workers"}
    found = {within(name) for name in imported(source)} - {DESCRIBED}
    return [
        f"{module} imports {name}"
        for name in sorted(found)
        if part(module) == "report" and part(name) in rooms
    ]


def test_reports_know_nothing_of_measuring_but_the_kinds_of_loaders() -> None:
    """Reports are made of files, on machines that measure nothing; the code that they print is each kind's
    own."""
    assert [line for module, source in modules().items() for line in measuring(module, source)] == []


def upwards(module: str, source: str) -> list[str]:
    """A module's imports of parts beside or above its own."""
    row = {name: index for index, names in enumerate(ORDER) for name in names}
    own = part(module)
    targets = {part(within(name)) for name in imported(source) if within(name)}
    return [f"{module} imports {target}" for target in sorted(targets - {own, ""}) if row[target] >= row[own]]


def upwards_inside(module: str, source: str) -> list[str]:
    """A module's imports of what lies above its own place in the part that both are in."""
    row = {f"harness.{part(module)}.{name}": index for index, name in enumerate(INSIDE[part(module)])}
    own = row.get(".".join(module.split(".")[:3]), -1)
    places = {".".join(within(name).split(".")[:3]) for name in imported(source)}
    return [f"{module} imports {place}" for place in sorted(places & set(row)) if row[place] > own]


@pytest.mark.parametrize("name", sorted(INSIDE))
def test_imports_go_downwards_inside(name: str) -> None:
    """A part with parts of its own keeps the same order."""
    assert {module.split(".")[2] for module in modules() if module.startswith(f"harness.{name}.")} == set(
        INSIDE[name]
    )
    inside = {module: source for module, source in modules().items() if part(module) == name}
    assert [line for module, source in inside.items() for line in upwards_inside(module, source)] == []
    assert (
        upwards_inside(f"harness.{name}.{INSIDE[name][0]}", f"import harness.{name}.{INSIDE[name][-1]}") != []
    )


def test_imports_go_downwards() -> None:
    """Each part imports from those below it."""
    assert {part(module) for module in modules()} - {""} == {name for names in ORDER for name in names}
    assert [
        line for module, source in modules().items() if part(module) for line in upwards(module, source)
    ] == []


def test_the_package_itself_is_light() -> None:
    """`import harness` brings the names that a benchmark needs and the standard library, nothing else."""
    assert {part(module) for module in reached("harness")} <= {"", "claims", "errors", "measure", "model"}
    for module in reached("harness"):
        for name in imported(modules()[module], inside_functions=False):
            assert name.split(".")[0] in sys.stdlib_module_names | {"harness"}


@pytest.mark.parametrize("name", STANDARD_ONLY)
def test_the_lowest_parts_need_the_standard_library_only(name: str) -> None:
    """The nouns, records, processes and claims import nothing that has to be installed."""
    for module, source in modules().items():
        if belongs(module, f"harness.{name}"):
            allowed = {"msgspec"} if module == READS_RECORDS else set()
            assert {n.split(".")[0] for n in imported(source)} <= sys.stdlib_module_names | {
                "harness"
            } | allowed
            assert module == READS_RECORDS or READS_RECORDS not in imported(source, inside_functions=False)


@pytest.mark.parametrize("package", sorted(ONLY_HERE))
def test_packages_stay_where_they_belong(package: str) -> None:
    """pytest is known to the plug-in alone, pandas to reports, NVML to probes, and so on."""
    users = {
        part(module)
        for module, source in modules().items()
        for name in imported(source)
        if belongs(name, package)
    }
    assert users <= ONLY_HERE[package]


def test_one_machine_needs_no_cluster() -> None:
    """Without ``--on`` nothing of it is imported: the commands do so in functions alone, and submitit is not
    imported before a job is submitted."""
    for module in modules():
        if part(module) != "cluster":
            assert not [name for name in reached(module) if part(name) == "cluster"], module
    for module, source in modules().items():
        assert not [n for n in imported(source, inside_functions=False) if belongs(n, "submitit")], module


def test_scipys_parts_are_loaded_when_they_are_first_named() -> None:
    """``scipy.special`` takes longer to import than all else that a command needs before it measures."""
    loaded = {
        name
        for source in modules().values()
        for name in imported(source, inside_functions=False)
        if belongs(name, "scipy")
    }
    assert loaded == {"scipy"}


WORDLESS = ("bench", "cluster", "gate", "monitor", "tune")
"""Rooms that get their display, and the words for what they found, from the command line."""

WORDING = {"harness.report.format", "harness.report.gate_reason"}
"""What they may import of report: how a number with its unit is written, and what is advised where a gate
cannot begin."""


@pytest.mark.parametrize("name", WORDLESS)
def test_words_are_made_in_report_alone(name: str) -> None:
    """What drives measuring gives data, and imports nothing that renders a report."""
    found = {
        within(target)
        for module, source in modules().items()
        if part(module) == name
        for target in imported(source)
        if belongs(within(target), "harness.report")
    }
    assert found <= WORDING


def test_nothing_is_imported_relatively() -> None:
    """Imports name the whole path."""
    assert [module for module, source in modules().items() if "relative" in set(imported(source))] == []


def test_only_the_outermost_parts_print() -> None:
    """Measuring, judging and storing print nothing."""
    for module, source in modules().items():
        calls = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call)]
        printing = [
            call.lineno for call in calls if isinstance(call.func, ast.Name) and call.func.id == "print"
        ]
        assert not printing or part(module) in PRINTING, f"{module} prints in line {printing[0]}"


@pytest.mark.parametrize("argument", ["--help", "--list", "--version"])
def test_the_command_line_does_not_wait_for_torch(argument: str) -> None:
    """Help, the list of claims and the version come without torch, pandas, scipy, numpy or pytest."""
    loading = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "harness", argument],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
        env=ENVIRONMENT,
    )
    loaded = {line.rpartition("|")[2].strip().split(".")[0] for line in loading.stderr.splitlines()}
    assert "argparse" in loaded
    assert loaded & {"torch", "torchvision", "pandas", "scipy", "numpy", "pytest", "rich", "psutil"} == set()
    assert loading.stdout


def test_no_two_test_files_have_one_name() -> None:
    """pytest imports test files by their name alone, and refuses a second one in the same process."""
    found: dict[str, list[str]] = {}
    for file in sorted((ROOT / "tests").rglob("test_*.py")):
        found.setdefault(file.name, []).append(str(file.relative_to(ROOT)))
    assert [files for files in found.values() if len(files) > 1] == []


def test_no_class_name_is_defined_twice() -> None:
    """A name means one thing: a search for it finds one class."""
    found: dict[str, list[str]] = {}
    for module, source in modules().items():
        for node in ast.parse(source).body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                found.setdefault(node.name, []).append(module)
    assert {name: places for name, places in found.items() if len(places) > 1} == {}
