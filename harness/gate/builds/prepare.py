"""Both sides of a gate made ready in one temporary folder, which is removed afterwards."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path

from harness.errors import UsageError
from harness.gate.builds.disk_space import ELSEWHERE, check_space
from harness.gate.builds.environment import BuiltEnv, build_side
from harness.gate.builds.interpreter import interpreter
from harness.gate.builds.overlay import overlay, without_ours
from harness.gate.builds.repository import GitFailed, Repository
from harness.gate.builds.side import (
    BothSources,
    Checkout,
    NothingChanged,
    NothingToCompare,
    SideEnv,
    SideSpec,
)
from harness.gate.builds.submodules import fill
from harness.gate.builds.workdir import WorkDir, remove_stale, undisturbed
from harness.gate.configuration import Configuration
from harness.model import Side
from harness.plural import counted
from harness.processes.launch import LaunchError, measuring_environment

CACHES = {
    "TORCHINDUCTOR_CACHE_DIR": "inductor",
    "TRITON_CACHE_DIR": "triton",
    "TORCH_EXTENSIONS_DIR": "extensions",
    "CUDA_CACHE_PATH": "cuda",
}


class Builder:
    """Makes sides ready. Use as a context manager: nothing it made outlives it.

    ``note`` receives what it is doing. What earlier gates could not remove, because they were killed, is
    removed first. Entering raises LaunchError where no temporary files can be kept.
    """

    def __init__(self, note: Callable[[str], None] = lambda _: None) -> None:
        self._note = note
        self._stack = ExitStack()

    def __enter__(self) -> Builder:
        remove_stale()
        with ExitStack() as stack:
            try:
                self._scratch = WorkDir()
            except OSError as error:
                raise LaunchError(f"temporary files cannot be written: {error}; {ELSEWHERE}") from error
            stack.callback(self._scratch.remove)
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *failure: object) -> None:
        with undisturbed():
            self._stack.close()

    @property
    def folder(self) -> Path:
        """The temporary folder; what is put into it is removed with it."""
        return self._scratch.folder

    def check_out(
        self,
        base: SideSpec,
        head: SideSpec,
        repository: Path,
        configuration: Configuration,
        results: Path | None = None,
    ) -> BothSources:
        """Check out both sides; ``repository`` is any folder of the one whose revisions are named.

        What git does not track of ``results``, the folder of results, is not part of head. Raises UsageError
        for options that contradict each other, NothingToCompare for equal sides, LaunchError for an
        interpreter that cannot measure and for a full disk.
        """
        _refuse(base, head, configuration)
        specs = {Side.BASE: base, Side.HEAD: head}
        if base.rev is not None:
            with self._full_disk_named():
                here = Repository.of(repository)
                below = _below(here.top, configuration)
                checkouts, notes = self._checkouts(base.rev, head.rev, here, below, results)
                on = {side: interpreter(one.python, side) for side, one in specs.items()}
                trees = {side: self._home(side) / "tree" for side in Side}
                sources = BothSources(specs, on, configuration, checkouts, trees, here.top, below)
                return replace(sources, notes=(*notes, *self._fill(sources, here)))
        on = {side: interpreter(one.python, side) for side, one in specs.items()}
        sources = BothSources(specs, on, configuration)
        if sources.same_runtime:
            raise NothingToCompare(
                f"base and head are the same: {on[Side.HEAD].python} with the same variables; name a revision "
                "(--base REV), another interpreter (--base-python PATH) or variables (--base-env NAME=VALUE)"
            )
        return sources

    def build(self, sources: BothSources) -> tuple[SideEnv, SideEnv]:
        """Make both sides ready from what was checked out.

        Raises UsageError for constraints that are not there, for what a side requires and its environment
        lacks, and for code that cannot be run from where it was built; LaunchError for a revision that cannot
        be built and for a full disk.
        """
        if not sources.checkouts:
            return self._as_it_is(Side.BASE, sources), self._as_it_is(Side.HEAD, sources)
        parts: dict[Side, BuiltEnv] = {}
        with self._full_disk_named():
            for side in Side:
                self._note(f"building {sources.checkouts[side].label}")
                parts[side] = build_side(side, sources, self._home(side), self._scratch.guard)
        if lacking := [one.missing for one in parts.values() if one.missing]:
            raise UsageError("\n".join(lacking))
        return self._built(Side.BASE, sources, parts[Side.BASE]), self._built(
            Side.HEAD, sources, parts[Side.HEAD]
        )

    @contextmanager
    def _full_disk_named(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise LaunchError(f"the sides cannot be made in {self.folder}: {error}; {ELSEWHERE}") from error

    def _checkouts(
        self, base: str, head: str | None, repository: Repository, below: Path, results: Path | None
    ) -> tuple[dict[Side, Checkout], list[str]]:
        before = Checkout(repository.revision(base, "--base"))
        if head is not None:
            after = Checkout(repository.revision(head, "--head"))
            return {Side.BASE: before, Side.HEAD: after}, _parted(repository, before, after)
        now = repository.revision("HEAD", "the working tree stands on")
        try:
            changes = repository.changes()
        except GitFailed as error:
            raise UsageError(f"git does not report what was changed in {repository.top}: {error}") from error
        # Temporary files may be kept in the repository.
        changes = [one for one in changes if not (repository.top / one.path).is_relative_to(self.folder)]
        ours = results.resolve() if results is not None else None
        where = (
            ours.relative_to(repository.top)
            if ours is not None and ours.is_relative_to(repository.top)
            else None
        )
        left = without_ours(changes, where, below)
        after = Checkout(now, working=True, changes=tuple(left))
        notes = _parted(repository, before, after)
        if len(left) < len(changes):
            notes.append(
                f"{where}/ is not ignored by git: its results were left out of head; add {where}/ to .gitignore"
            )
        return {Side.BASE: before, Side.HEAD: after}, notes

    def _fill(self, sources: BothSources, repository: Repository) -> list[str]:
        """Check out both revisions into their trees, and give notes on what of them is not here."""
        checkouts = sources.checkouts
        if sources.same_runtime and checkouts[Side.BASE].same_files(checkouts[Side.HEAD]):
            raise NothingChanged(
                f"{checkouts[Side.BASE].label} and {checkouts[Side.HEAD].label} have the same files; name an older "
                "revision with --base, or change something"
            )
        self._scratch.serves(repository)
        check_space(repository, checkouts.values(), self.folder, sources.configuration, self._note)
        notes: list[str] = []
        for side, checkout in checkouts.items():
            self._note(f"checking out {checkout.label}")
            tree, index = sources.trees[side], self._home(side) / "index"
            changed = {change.path for change in checkout.changes}
            try:
                repository.check_out(checkout.revision, tree)
                found = fill(repository, checkout.revision.commit, tree, index, leave=changed)
                overlay(repository.top, checkout.changes, tree)
            except GitFailed as error:
                raise UsageError(f"git cannot check out {checkout.label}: {error}") from error
            notes += [f"{checkout.label}: {note}" for note in found]
        return notes

    def _built(self, side: Side, sources: BothSources, built: BuiltEnv) -> SideEnv:
        """A side with an environment of its own."""
        path = sources.specs[side].variables.get("PATH", os.environ.get("PATH", os.defpath))
        return replace(
            self._as_it_is(side, sources),
            label=built.label,
            python=built.python,
            environment={
                **self._environment(side, sources, built.on_the_path),
                "PATH": os.pathsep.join([str(Path(built.python).parent), path]),
                "PYTHONSAFEPATH": "1",  # the working folder has the packages under test, too
            },
            tree=sources.trees[side],
            project=sources.trees[side] / sources.below,
            pins=built.pins,
            siblings=built.siblings,
            notes=(*sources.notes, *built.notes),
        )

    def _as_it_is(self, side: Side, sources: BothSources) -> SideEnv:
        """A side of this very code: an interpreter as it is, or variables."""
        spec, on = sources.specs[side], sources.on[side]
        return SideEnv(
            side,
            ", ".join(spec.label(on)) or "as it is here",
            on.python,
            self._environment(side, sources),
            self._home(side),
            borrows=on.prefix != sys.prefix,
            interpreter=on.identity,
            shown=dict(spec.variables),
        )

    def _environment(self, side: Side, sources: BothSources, own: Sequence[Path] = ()) -> dict[str, str]:
        """The variables to add; ``own`` are folders to import from first."""
        on, variables = sources.on[side], sources.specs[side].variables
        cache = self._home(side) / "cache"
        found = {variable: str(cache / name) for variable, name in CACHES.items()}
        # Empty counts as unset. Where torch has no bytecode, and perhaps no place for it, it is kept here, or
        # every process would compile torch again; where it has, the user's own settings count.
        kept = {"PYTHONPYCACHEPREFIX": str(cache / "bytecode"), "PYTHONDONTWRITEBYTECODE": ""}
        found |= {name: os.environ.get(name, "") for name in kept} if on.compiled else kept
        found |= variables
        if own or "PYTHONPATH" in variables:
            inherited = os.environ.get("PYTHONPATH", "")
            # A harness that runs from a checkout is found that way, too.
            ours = measuring_environment().get("PYTHONPATH", "").removesuffix(inherited)
            path = [*ours.split(os.pathsep), *map(str, own), variables.get("PYTHONPATH", inherited)]
            found["PYTHONPATH"] = os.pathsep.join(filter(None, path))
        return found

    def _home(self, side: Side) -> Path:
        # Both words are of equal length, and so are all paths: they get into programs, and move their memory
        # about.
        home = self.folder / side
        home.mkdir(exist_ok=True)
        return home


def _parted(repository: Repository, base: Checkout, head: Checkout) -> list[str]:
    """A note if base went on after head branched off: what happened there counts as head's, reversed."""
    count, common = repository.only_in(base.revision, head.revision)
    if not count:
        return []
    return [
        f"{base.label} has {counted(count, 'commit')} that {head.label} lacks, and what those changed is part of this "
        f"comparison; --base {common[:12]} compares head with what it branched off from"
    ]


def _refuse(base: SideSpec, head: SideSpec, configuration: Configuration) -> None:
    """Raises UsageError for options that contradict each other, whatever is in the repository."""
    if base.variables and base.variables == head.variables:
        typed = " ".join(f"{name}={value}" for name, value in base.variables.items())
        raise UsageError(f"both sides set {typed}: set it in front of the whole command instead")
    if head.rev is not None and base.rev is None:
        raise UsageError(f"--head {head.rev} needs a revision to be compared with: --base REV")
    if base.rev is not None and not configuration.under_test:
        where = configuration.file or "a pyproject.toml at the top of the repository"
        raise UsageError(
            f"--base {base.rev} compares packages, and none is named; write into {where}:\n"
            '  [tool.harness]\n  under-test = ["the_name_you_import"]'
        )


def _below(top: Path, configuration: Configuration) -> Path:
    """Where in the repository the project is."""
    folder = configuration.file.parent if configuration.file else top
    return folder.relative_to(top) if folder.is_relative_to(top) else Path()
