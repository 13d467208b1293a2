"""``gate --resume RUN`` as it is typed: which gates can be resumed, and the statuses. Nothing is built and
nothing measured."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from harness.cli.main import main
from harness.gate.builds.interpreter import Interpreter
from harness.gate.result import gate_result
from harness.gate.resume import GateResumption, reported, request_of
from harness.gate.run import GateInterrupted
from harness.gate.settings import GateSettings
from harness.gate.state import GateState
from harness.model import GateNote, GateOutcome, GateResult, Measurement, NoteCode, Side, Trial
from harness.store import GATE, GATE_FILE, RESULT_FILE, open_gate, open_resumed, write_pairing
from harness.store.parts import being_measured
from harness.workers.protocol import SideInfo
from tests.support.gated import result, verdict
from tests.support.saved import save

Captured = pytest.CaptureFixture[str]
Ran = Callable[..., tuple[int, str, str]]

HERE = {"software": {"torch": "2.14.1"}}
CASE = "bench_a1.py::bench_a1"
PAIR = Measurement(CASE, "a1", 1, trials=(Trial("baseline", samples={"seconds": (1e-3,)}),))


class Played:
    """In the place of measuring: a gate that is interrupted after its first unit, and then one that ends."""

    def __init__(self) -> None:
        self.environment: Mapping[str, Any] = HERE
        self.units: list[int] = []

    def __call__(
        self, settings: GateSettings, folder: Path, _: object, __: object, resumption: GateResumption | None
    ) -> GateResult:
        """The result, as the real one gives it."""
        info = {side: SideInfo(dict(self.environment), (), "") for side in Side}
        if resumption is None:
            assert settings.sources is not None
            labels = settings.labels
            writer = open_gate(
                folder, settings.claims, base=labels[Side.BASE], head=labels[Side.HEAD],
                request=request_of(settings, settings.sources),
            )  # fmt: skip
            writer.write("header", schema=1, **reported(info))
            write_pairing(writer, "baseline", PAIR)
            writer.close()
            raise GateInterrupted(
                gate_result(
                    settings,
                    info,
                    GateState(settings.claims, settings.thresholds, selftest=False),
                    units=1,
                    seconds=1.0,
                    notes=(GateNote(NoteCode.INTERRUPTED),),
                )
            )
        open_resumed(folder, resumption.part, after=resumption.unit, first=GATE_FILE).close()
        resumption.check_sides(info)
        self.units.append(resumption.unit)
        return result(verdict(GateOutcome.UNCHANGED))


@pytest.fixture
def played(monkeypatch: pytest.MonkeyPatch) -> Played:
    """What gates do here."""
    made = Played()
    monkeypatch.setattr("harness.cli.gating.gate", made)
    own = Interpreter(sys.executable, sys.prefix, "3.11.7", (), True, {})
    monkeypatch.setattr("harness.gate.builds.prepare.interpreter", lambda *_: own)
    monkeypatch.setattr("signal.signal", lambda *_: None)
    return made


@pytest.fixture
def ran(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Captured, played: Played) -> Ran:
    """Types ``gate`` in a folder with one benchmark; its status, standard output and error."""
    (tmp_path / "benchmarks").mkdir()
    (tmp_path / "benchmarks" / "bench_a1.py").write_text("def bench_a1(compare):\n    compare()\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")

    def typed(*arguments: str) -> tuple[int, str, str]:
        capsys.readouterr()
        status = main(["gate", "--base-env", "A=1", "--no-page", *arguments])
        out = capsys.readouterr()
        return status, out.out, out.err

    return typed


@pytest.fixture
def stopped(ran: Ran) -> Path:
    """The folder of a gate that was interrupted after one unit."""
    status, _, err = ran()
    assert status == 130, err
    (folder,) = Path("results").glob("20*")
    return folder


def _files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


def test_it_goes_on_and_then_it_is_complete(ran: Ran, stopped: Path, played: Played) -> None:
    """What is missing comes behind the units that there are; then nothing is missing, and that is said."""
    journal = (stopped / GATE_FILE).read_bytes()
    status, out, _ = ran("--resume", stopped.name)
    assert (status, played.units) == (0, [1]), out
    assert f"saved in {stopped}" in out
    assert (stopped / GATE_FILE).read_bytes() == journal
    status, out, err = ran("--resume", stopped.name)
    assert (status, out, played.units) == (2, "", [1])
    assert f"--resume: {stopped} is complete; python -m harness report {stopped} shows it" in err


def test_one_whose_result_cannot_be_read_goes_on(ran: Ran, stopped: Path, played: Played) -> None:
    """The units are what counts: a damaged result, or none, is made anew. So it is with a torn last line."""
    (stopped / RESULT_FILE).write_text('{"status": ')
    with (stopped / GATE_FILE).open("a") as journal:
        journal.write('{"record": "pairing", "of"')
    assert ran("--resume", stopped.name)[0] == 0
    assert played.units == [1]


def test_an_interrupt_while_the_result_is_shown(
    ran: Ran, stopped: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was measured and judged is kept, and the message says where."""

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("harness.cli.gating.show_document", interrupted)
    status, _, err = ran("--resume", stopped.name)
    assert (status, err) == (
        130, f"harness: interrupted while the result was shown; what was measured is in {stopped}\n",
    )  # fmt: skip
    assert '"unfinished": false' in (stopped / RESULT_FILE).read_text()


def _not_there(_: Path) -> str:
    return "nope"


def _a_run(stopped: Path) -> str:
    return save(stopped.parent / "measured", [], []).name


def _a_side(stopped: Path) -> str:
    return f"{stopped.name}@base"


def _against_a_run(stopped: Path) -> str:
    folder = save(stopped.parent / "against", [], [], profile=GATE)
    (folder / RESULT_FILE).write_text("{}")
    return folder.name


def _edited(stopped: Path) -> str:
    path = stopped / GATE_FILE
    path.write_text(path.read_text().replace("2.14.1", "2.15.1"))
    return stopped.name


def _of_an_earlier_version(stopped: Path) -> str:
    path = stopped / GATE_FILE
    path.unlink()
    open_gate(stopped, [], base="a", head="b").close()
    return stopped.name


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (_not_there, "--resume: no gate that can be resumed is called 'nope' in results; there is "),
        (_a_run, "--resume: measured is a run, and no gate that can be resumed; there is "),
        (_a_side, "is one side of a gate, and no gate that can be resumed; there is "),
        (_against_a_run, "is a gate against a saved run, which cannot be resumed: gate again"),
        (_edited, f"{GATE_FILE}:2 was changed after it was written"),
        (_of_an_earlier_version, "does not say what it compared"),
    ],
)
def test_what_cannot_be_resumed_says_why(
    ran: Ran, stopped: Path, played: Played, make: Callable[[Path], str], words: str
) -> None:
    """One sentence and status 2, and nothing in the folder changes."""
    named = make(stopped)
    before = _files(stopped)
    status, out, err = ran("--resume", named)
    assert (status, out, played.units) == (2, "", []), err
    assert words in err
    assert len(err.splitlines()) == 1
    assert _files(stopped) == before


def test_a_gate_that_is_being_measured(ran: Ran, stopped: Path, played: Played) -> None:
    """The process that measures it has marked it."""
    with being_measured(stopped, GATE_FILE):
        status, _, err = ran("--resume", stopped.name)
    assert (status, played.units) == (2, [])
    assert "is being measured by another process" in err


def _another_torch(played: Played) -> tuple[str, ...]:
    played.environment = {"software": {"torch": "2.15.0"}}
    return ()


def _another_benchmark(_: Played) -> tuple[str, ...]:
    Path("benchmarks/bench_a1.py").write_text("def bench_a1(compare):\n    compare(baseline=len)\n")
    return ()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (_another_torch, "software.torch: 2.14.1 -> 2.15.0"),
        (_another_benchmark, "sources.bench_a1.py: "),
        (lambda _: ("--target", "10%"), "thresholds.target: 0.05 -> 0.1"),
        (lambda _: ("--base-env", "B=1"), "sides.base.variables.B: absent -> 1"),
    ],
)
def test_another_environment_has_status_3(
    ran: Ran, stopped: Path, played: Played, change: Callable[[Played], tuple[str, ...]], words: str
) -> None:
    """What differs is named, and the gate is as it was."""
    before = _files(stopped)
    status, out, err = ran("--resume", stopped.name, *change(played))
    assert (status, out, played.units) == (3, "", []), err
    assert words in err
    assert len(err.splitlines()) == 1
    assert _files(stopped) == before
