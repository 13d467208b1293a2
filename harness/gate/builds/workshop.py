"""The workshop: makes both sides ready in one scratch folder, and leaves nothing of them behind."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path

from harness.errors import UsageError
from harness.gate.builds.checkout import BothSources, Checkout
from harness.gate.builds.interpreter import Interpreter, interpreter
from harness.gate.builds.made import MadeEnv, besides, make
from harness.gate.builds.overlay import overlay, without_ours
from harness.gate.builds.repository import GitFailed, Repository
from harness.gate.builds.room import ELSEWHERE, check_room
from harness.gate.builds.side import NothingChanged, NothingToCompare, SideEnv, SideSpec, same_variables
from harness.gate.builds.submodules import fill
from harness.gate.builds.workdir import WorkDir, remove_stale, undisturbed
from harness.gate.configuration import Configuration
from harness.model import Side
from harness.processes.launch import LaunchError, measuring_environment
from harness.processes.live import Reaper

_CACHES = {
    "TORCHINDUCTOR_CACHE_DIR": "inductor",
    "TRITON_CACHE_DIR": "triton",
    "TORCH_EXTENSIONS_DIR": "extensions",
    "CUDA_CACHE_PATH": "cuda",
}


class Builder:
    """Makes sides. Use as a context manager: nothing it made outlives it.

    ``tell`` hears what it is busy with. What earlier gates could not remove, because they were killed, goes first.
    Entering raises LaunchError where no temporary files can be kept.
    """

    def __init__(self, tell: Callable[[str], None] = lambda _: None) -> None:
        self._tell = tell
        self._stack = ExitStack()

    def __enter__(self) -> Builder:
        remove_stale()
        with ExitStack() as stack:
            try:
                self._scratch = WorkDir()
            except OSError as error:
                raise LaunchError(f"there is no place for temporary files: {error}; {ELSEWHERE}") from error
            stack.callback(self._scratch.remove)
            self._guard = Reaper()
            stack.callback(self._guard.close)
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *failure: object) -> None:
        with undisturbed():
            self._stack.close()

    @property
    def folder(self) -> Path:
        """The scratch folder; what is put into it goes with it."""
        return self._scratch.folder

    def prepare(
        self,
        base: SideSpec,
        head: SideSpec,
        repository: Path,
        configuration: Configuration,
        results: Path | None = None,
    ) -> tuple[SideEnv, SideEnv]:
        """Make both sides ready: `check_out`, then `build`, with nothing looked at in between."""
        return self.build(self.check_out(base, head, repository, configuration, results))

    def check_out(
        self,
        base: SideSpec,
        head: SideSpec,
        repository: Path,
        configuration: Configuration,
        results: Path | None = None,
    ) -> BothSources:
        """Check out both sides; ``repository`` is any folder of the one whose revisions are asked for.

        What git does not track of ``results``, the folder of results, is no part of head. Raises UsageError for what
        cannot be, NothingToCompare for equal sides, LaunchError for an interpreter that cannot measure and for a full
        disk.
        """
        _refuse(base, head, configuration)
        wanted = {Side.BASE: base, Side.HEAD: head}
        if base.rev is not None:
            with self._room():
                return self._of_revisions(base.rev, wanted, Repository.of(repository), configuration, results)
        on = {side: interpreter(one.python, side) for side, one in wanted.items()}
        if _same_besides(wanted, on):
            raise NothingToCompare(
                f"base and head are the same: {on[Side.HEAD].python} with the same variables; name a revision "
                "(--base REV), another interpreter (--base-python PATH) or variables (--base-env NAME=VALUE)"
            )
        return BothSources(wanted, on, configuration)

    def build(self, sources: BothSources) -> tuple[SideEnv, SideEnv]:
        """Make both sides ready from what was checked out.

        Raises UsageError for constraints that are not there, for what a side requires and its environment lacks, and
        for code that cannot be run from where it was built; LaunchError for a revision that cannot be built and for a
        full disk.
        """
        if not sources.checkouts:
            made = {side: self._as_it_is(side, one, sources.on[side]) for side, one in sources.wanted.items()}
        else:
            with self._room():
                parts = {side: self._make(side, sources) for side in Side}
            if told := [one.missing for one in parts.values() if one.missing]:
                raise UsageError("\n".join(told))
            made = {side: self._built(side, sources, parts[side]) for side in Side}
        return made[Side.BASE], made[Side.HEAD]

    def _make(self, side: Side, sources: BothSources) -> MadeEnv:
        self._tell(f"building {sources.checkouts[side].label}")
        return make(side, sources, self._home(side), self._guard)

    @contextmanager
    def _room(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise LaunchError(f"the sides cannot be made in {self.folder}: {error}; {ELSEWHERE}") from error

    def _of_revisions(
        self,
        base: str,
        wanted: Mapping[Side, SideSpec],
        repository: Repository,
        configuration: Configuration,
        results: Path | None,
    ) -> BothSources:
        below = _below(repository.top, configuration)
        checkouts, notes = self._checkouts(base, wanted[Side.HEAD].rev, repository, below, results)
        on = {side: interpreter(one.python, side) for side, one in wanted.items()}
        if _same_besides(wanted, on) and checkouts[Side.BASE].same_files(checkouts[Side.HEAD]):
            raise NothingChanged(
                f"{checkouts[Side.BASE].label} and {checkouts[Side.HEAD].label} hold the same files; name an older "
                "revision with --base, or change something"
            )
        self._scratch.serves(repository)
        check_room(repository, checkouts.values(), self.folder, configuration, self._tell)
        for side, checkout in checkouts.items():
            notes += self._check_out(side, checkout, repository)
        trees = {side: self._tree(side) for side in checkouts}
        return BothSources(wanted, on, configuration, checkouts, trees, repository.top, below, tuple(notes))

    def _checkouts(
        self, base: str, head: str | None, repository: Repository, below: Path, results: Path | None
    ) -> tuple[dict[Side, Checkout], list[str]]:
        before = Checkout(repository.revision(base, "--base"))
        if head is not None:
            return {Side.BASE: before, Side.HEAD: Checkout(repository.revision(head, "--head"))}, []
        now = repository.revision("HEAD", "the working tree stands on")
        try:
            changes = repository.changes()
        except GitFailed as error:
            raise UsageError(f"git cannot say what was changed in {repository.top}: {error}") from error
        # Temporary files may be kept in the repository.
        changes = [one for one in changes if not (repository.top / one.path).is_relative_to(self.folder)]
        ours = results.resolve() if results is not None else None
        where = ours.relative_to(repository.top) if ours is not None and ours.is_relative_to(repository.top) else None
        left = without_ours(changes, where, below)
        notes = []
        if len(left) < len(changes):
            notes.append(
                f"{where}/ is not ignored by git: its results were left out of head; add {where}/ to .gitignore"
            )
        return {Side.BASE: before, Side.HEAD: Checkout(now, working=True, changes=tuple(left))}, notes

    def _check_out(self, side: Side, checkout: Checkout, repository: Repository) -> list[str]:
        """Check out a side, and give notes on what of it is not here."""
        self._tell(f"checking out {checkout.label}")
        tree = self._tree(side)
        index = self._home(side) / "index"
        changed = {change.path for change in checkout.changes}
        try:
            repository.check_out(checkout.revision, tree)
            notes = fill(repository, checkout.revision.commit, tree, index, leave=changed)
            overlay(repository.top, checkout.changes, tree)
        except GitFailed as error:
            raise UsageError(f"git cannot check out {checkout.label}: {error}") from error
        return [f"{checkout.label}: {note}" for note in notes]

    def _built(self, side: Side, sources: BothSources, made: MadeEnv) -> SideEnv:
        """A side with an environment of its own."""
        wanted, on = sources.wanted[side], sources.on[side]
        path = wanted.variables.get("PATH", os.environ.get("PATH", os.defpath))
        return replace(
            self._as_it_is(side, wanted, on),
            label=made.label,
            python=made.python,
            environment={
                **self._environment(side, wanted, on, made.on_the_path),
                "PATH": os.pathsep.join([str(Path(made.python).parent), path]),
                "PYTHONSAFEPATH": "1",  # the working folder holds the packages under test, too
            },
            tree=sources.trees[side],
            project=sources.trees[side] / sources.below,
            pins=made.pins,
            siblings=made.siblings,
            notes=(*sources.notes, *made.notes),
        )

    def _as_it_is(self, side: Side, wanted: SideSpec, on: Interpreter) -> SideEnv:
        """A side of this very code: an interpreter as it is, or variables."""
        return SideEnv(
            side,
            ", ".join(besides(wanted, on)) or "as it is here",
            on.python,
            self._environment(side, wanted, on),
            self._home(side),
            lent=on.prefix != sys.prefix,
            interpreter=on.identity,
            shown=dict(wanted.variables),
        )

    def _environment(self, side: Side, wanted: SideSpec, on: Interpreter, own: Sequence[Path] = ()) -> dict[str, str]:
        """The variables to add; ``own`` are folders to import from first."""
        cache = self._home(side) / "cache"
        found = {variable: str(cache / name) for variable, name in _CACHES.items()}
        # Empty is as good as unset. Where torch has no bytecode, and perhaps no place for it, it is kept here, or every
        # process would compile torch again; where it has, people's own wishes count.
        kept = {"PYTHONPYCACHEPREFIX": str(cache / "bytecode"), "PYTHONDONTWRITEBYTECODE": ""}
        found |= {name: os.environ.get(name, "") for name in kept} if on.compiled else kept
        found |= wanted.variables
        if own or "PYTHONPATH" in wanted.variables:
            inherited = os.environ.get("PYTHONPATH", "")
            # A harness that runs from a checkout is found that way, too.
            ours = measuring_environment().get("PYTHONPATH", "").removesuffix(inherited)
            path = [*ours.split(os.pathsep), *map(str, own), wanted.variables.get("PYTHONPATH", inherited)]
            found["PYTHONPATH"] = os.pathsep.join(filter(None, path))
        return found

    def _home(self, side: Side) -> Path:
        # Both words are of equal length, and so are all paths: they get into programs, and move their memory about.
        home = self.folder / side
        home.mkdir(exist_ok=True)
        return home

    def _tree(self, side: Side) -> Path:
        return self.folder / side / "tree"


def _refuse(base: SideSpec, head: SideSpec, configuration: Configuration) -> None:
    """Raises UsageError for what cannot be, whatever the repository holds."""
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


def _same_besides(wanted: Mapping[Side, SideSpec], on: Mapping[Side, Interpreter]) -> bool:
    """Whether nothing but a revision could tell the sides apart."""
    return on[Side.BASE].identity == on[Side.HEAD].identity and same_variables(
        wanted[Side.BASE].variables, wanted[Side.HEAD].variables
    )


def _below(top: Path, configuration: Configuration) -> Path:
    """Where in the repository the project is."""
    folder = configuration.file.parent if configuration.file else top
    return folder.relative_to(top) if folder.is_relative_to(top) else Path()
