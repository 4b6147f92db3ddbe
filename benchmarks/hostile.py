"""Runs hostile planners on the twin and on Envoy: every run must continue and end well.

Run: `python -m benchmarks.hostile [--twin-cycles N] [--envoy-cycles N] [PLANNER ...]`
"""

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from threading import Event as Flag
from unittest.mock import patch

import psutil

from benchmarks.paths import ROOT
from benchmarks.report import Figure, show
from marskit.assembly.bootstrap import build
from marskit.assembly.settings import Settings
from marskit.controller.asking import Asking
from marskit.controller.batch import run_headless
from marskit.controller.runtime import Runtime
from marskit.domain.commands import Pause, Run
from marskit.domain.diagnosis import Diagnosis
from marskit.domain.events import Event, Observed, RunEnded
from marskit.domain.loop_events import CycleCompleted, PhaseStarted, Planned
from marskit.domain.plan import Plan
from marskit.domain.records import Phase
from marskit.knowledge.care.checking import check_runs
from marskit.planning import Planner, PlanningView
from marskit.timing.virtual_loop import VirtualLoop

HOSTILE = Path("tests") / "plugins" / "hostile.py"
CONTROL = "threshold"
"""A shipped planner, to separate effects of the machine from those of hostile planners."""
RUN = (
    CONTROL,
    "Good",
    "Raises",
    "Exits",
    "ExitsAtOnce",
    "Speaks",
    "WrongFields",
    "NotANumber",
    "Huge",
    "Unknown",
    "Sleeps",
    "Spins",
    "Eats",
    "Crashes",
    "Forks",
    "StartsMany",
    "Prints",
    "PrintsForEver",
    "ClosesItsPipes",
    "WritesGarbage",
    "KillsItsParent",
)
REFUSED = (
    f"{HOSTILE}:NameRaises",
    f"{HOSTILE}:ResetRaises",
    f"{HOSTILE}:CannotBeMade",
    f"{HOSTILE}:NotAPlanner",
    f"{HOSTILE}:Missing",
    "tests/plugins/broken_import.py:Any",
    "tests/plugins/slow_import.py:Any",
)
SAMPLE_S = 0.5
MOST_GAP_S = 2 * SAMPLE_S
"""Longest allowed time without telemetry, in seconds."""
MOST_PAUSE_S = 0.5
"""Longest allowed time until a pause takes effect, in seconds."""
MOST_DECISION_MS = 15.0
"""Highest allowed median time of a good planner's decision, in milliseconds."""


@dataclass(frozen=True, slots=True)
class Result:
    """The outcome of one run."""

    planner: str
    ok: bool
    said: str


def on_twin(name: str, cycles: int) -> Result:
    """Run the planner on the twin by the command line, as a user would."""
    with tempfile.TemporaryDirectory() as runs:
        arguments = ("--headless", "--json", "--mesh", "twin", "--cycles", str(cycles), "--runs", runs)
        done = _marskit("run", *arguments, "--planner", _chosen(name))
        told = done.stdout.count('"kind":"CycleCompleted"')
        checked = _marskit("runs", "--check", "--runs", runs)
    left = _left()
    ok = done.returncode == 0 and told == cycles and checked.returncode == 0 and not left
    said = f"{told} cycles, exit {done.returncode}, check {checked.returncode}, {left} processes left"
    return Result(name, ok, f"{said} {done.stderr.strip()[:200]}")


def refused(planner: str) -> Result:
    """Start a run with a planner that cannot be loaded."""
    with tempfile.TemporaryDirectory() as runs:
        begun_s = time.monotonic()
        done = _marskit("run", "--headless", "--mesh", "twin", "--runs", runs, "--planner", planner)
        took_s = time.monotonic() - begun_s
        empty = not any(Path(runs).iterdir())
    left = _left()
    ok = done.returncode == 2 and done.stderr.count("\n") == 1 and empty and not left
    return Result(planner, ok, f"exit {done.returncode} after {took_s:.1f} s: {done.stderr.strip()}")


class Watched:
    """A run on Envoy, observed from outside: the times of telemetry and of pauses."""

    def __init__(self, cycles: int) -> None:
        self._most = cycles
        self._runtime = Runtime()
        self._done = Flag()
        self._planning = Flag()
        self.cycles = 0
        self.ended: RunEnded | None = None
        self.observed_s: list[float] = []
        self.pauses_s: list[float] = []
        """Time from the command, sent while the planner was deciding, until it took effect."""

    def run(self, settings: Settings) -> None:
        """Run to the end; every few cycles, pause while the planner is deciding."""
        self._runtime.subscribe(self._note)
        self._runtime.start(partial(build, settings), first=(Run(),))
        try:
            while not self._done.wait(0.01):
                if self._planning.is_set() and self.cycles % 4 == 2:
                    self._planning.clear()
                    self._pause()
        finally:
            self._runtime.stop()

    def _pause(self) -> None:
        begun_s = time.monotonic()
        self._runtime.submit(Pause()).result(10)
        self.pauses_s.append(time.monotonic() - begun_s)
        self._runtime.submit(Run()).result(10)

    def _note(self, event: Event) -> None:
        match event:
            case Observed():
                self.observed_s.append(time.monotonic())
            case PhaseStarted(phase=Phase.PLAN):
                self._planning.set()
            case Planned():
                self._planning.clear()
            case CycleCompleted():
                self.cycles += 1
                if self.cycles == self._most:
                    self._runtime.end()
            case RunEnded():
                self.ended = event
                self._done.set()
            case _:
                pass

    @property
    def gap_s(self) -> float:
        """The longest time without telemetry."""
        return max((b - a for a, b in zip(self.observed_s, self.observed_s[1:], strict=False)), default=0.0)


def on_envoy(name: str, cycles: int) -> Result:
    """Run the planner on Envoy, observed from another thread."""
    with tempfile.TemporaryDirectory() as runs:
        watched = Watched(cycles)
        watched.run(Settings(planner=_chosen(name), runs=Path(runs), sample_s=SAMPLE_S, preview=False))
        problems = check_runs(runs).problems
    left = _left()
    pause_s = max(watched.pauses_s, default=0.0)
    ended_well = watched.ended is not None and watched.ended.reason is None
    ok = ended_well and watched.cycles == cycles and not problems and not left
    ok = ok and watched.gap_s <= MOST_GAP_S and pause_s <= MOST_PAUSE_S
    said = (
        f"{watched.cycles} cycles, telemetry gap {watched.gap_s:.2f} s, "
        f"{len(watched.pauses_s)} pauses within {pause_s:.3f} s, {left} processes left"
    )
    if not ended_well:
        said += f", ended by {watched.ended}"
    return Result(name, ok, f"{said} {'; '.join(problems)}")


def cost_ms(cycles: int) -> Sequence[float]:
    """Time that the loop waits for each decision of a good planner on the twin, in milliseconds."""
    took_ms: list[float] = []
    plan = Asking.plan

    async def timed(asking: Asking, planner: Planner, diagnosis: Diagnosis, view: PlanningView) -> Plan:
        begun_s = time.perf_counter()
        try:
            return await plan(asking, planner, diagnosis, view)
        finally:
            took_ms.append(1000.0 * (time.perf_counter() - begun_s))

    class Deaf:
        def tell(self, event: Event) -> None:
            """Ignore the event."""

    with tempfile.TemporaryDirectory() as runs, patch.object(Asking, "plan", timed):
        settings = Settings(
            mesh="twin", scenario="diurnal", planner=f"{HOSTILE}:Good", runs=Path(runs), preview=False
        )
        ending = run_headless(partial(build, settings), Deaf(), cycles=cycles, loop_factory=VirtualLoop)
    assert ending.exit_code == 0, ending
    return took_ms


def _chosen(name: str) -> str:
    return name if name == CONTROL else f"{HOSTILE}:{name}"


def _marskit(*arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "main.py", *arguments], cwd=ROOT, capture_output=True, text=True, timeout=600
    )


def _left() -> int:
    """Number of processes of marskit or of planners that are still running after a second."""
    until_s = time.monotonic() + 1.0
    while True:
        left = len(psutil.Process().children(recursive=True))
        for each in psutil.process_iter(["cmdline", "cwd"]):
            line = each.info["cmdline"] or []
            ours = each.info["cwd"] == str(Path.cwd())
            left += ours and (line == ["sleep", "3600"] or "marskit.plugins.host" in line)
        if not left or time.monotonic() > until_s:
            return left
        time.sleep(0.05)


def main() -> int:
    """Run everything and print the results."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--twin-cycles", type=int, default=100)
    parser.add_argument("--envoy-cycles", type=int, default=15)
    parser.add_argument("planners", nargs="*", default=RUN)
    parsed = parser.parse_args()
    figures: list[Figure] = []

    def add(where: str, bar: str, result: Result) -> None:
        print(f"{'ok  ' if result.ok else 'FAIL'} {where:<6} {result.planner:<16} {result.said}", flush=True)
        figures.append(Figure(f"{where}: {result.planner}", result.said.strip(), bar, result.ok))

    for planner in REFUSED:
        add("start", "exit 2", refused(planner))
    for name in parsed.planners if parsed.twin_cycles else ():
        add("twin", "all cycles, exit 0", on_twin(name, parsed.twin_cycles))
    for name in parsed.planners if parsed.envoy_cycles else ():
        bar = f"gap {MOST_GAP_S:g} s, pause {MOST_PAUSE_S:g} s"
        add("envoy", bar, on_envoy(name, parsed.envoy_cycles))
    took_ms = sorted(cost_ms(200))
    median, p95 = statistics.median(took_ms), took_ms[int(0.95 * len(took_ms))]
    cost = f"median {median:.1f} ms, p95 {p95:.1f} ms of {len(took_ms)}"
    figures.append(
        Figure("a good planner's decision", cost, f"{MOST_DECISION_MS:g} ms", median <= MOST_DECISION_MS)
    )
    return show("Hostile planners", figures)


if __name__ == "__main__":
    raise SystemExit(main())
