"""Whether clients and mesh count the same requests: on the real mesh, without faults and with some.

Without faults, both sides must agree within 1 %. With faults, every request that was due must be accounted
for: answered, failed in a way that is named, or still under way; and all that clients got an answer to must
be counted by the mesh or its gateway, except for what a proxy counted between its last reading and its end.
"""

import argparse
import asyncio
import os
import signal
import sys
import tempfile
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import reduce
from pathlib import Path

import psutil

from benchmarks.report import Figure, show, spread
from marskit.assembly.bootstrap import build
from marskit.assembly.settings import Settings
from marskit.controller.batch import run_headless
from marskit.controller.controller import Controller
from marskit.domain.events import Event
from marskit.domain.load import ClientCounts
from marskit.domain.loop_events import CycleCompleted
from marskit.domain.observation import MeshCounts
from marskit.load.client_counter import together

CYCLES = 10
BAR_PERCENT = 1.0
SETTINGS = Settings(
    scenario="steady", planner="static", period_s=2.0, preview=False, baselines=False, recalibration=False
)

Fault = Callable[[int], None]


@dataclass(frozen=True, slots=True)
class Counted:
    """One run, as both sides counted it."""

    clients: tuple[ClientCounts, ...]
    """By cycle."""
    meshes: tuple[MeshCounts, ...]

    @property
    def client(self) -> ClientCounts:
        """What the clients counted in all."""
        return together(self.clients)

    @property
    def mesh(self) -> MeshCounts:
        """What the mesh counted in all."""
        return summed(self.meshes)

    @property
    def requests_percent(self) -> float:
        """How far the sides' numbers of requests are apart."""
        return _percent(self.client.sent - self.mesh.requests, self.client.sent)

    @property
    def failures_percent(self) -> float:
        """How far the sides' numbers of failures are apart, as a share of all requests."""
        return _percent(self.client.sent - self.client.succeeded - self.mesh.failures, self.client.sent)

    @property
    def under_way_percent(self) -> float:
        """Requests that were due and had not ended when the run did."""
        return _percent(self.client.unfinished, self.client.offered)

    @property
    def lost(self) -> int:
        """Answered requests that went with the counters of a proxy that ended: only around a reset."""
        return sum(
            max(0, self._uncounted(number + 1) - self._uncounted(max(0, number - 1)))
            for number, mesh in enumerate(self.meshes)
            if mesh.resets
        )

    @property
    def lost_percent(self) -> float:
        """The same as a share of all that were due."""
        return _percent(self.lost, self.client.offered)

    @property
    def unexplained_percent(self) -> float:
        """Answered requests that the mesh did not count, for no reason that is known."""
        return _percent(max(0, self._uncounted(len(self.meshes)) - self.lost), self.client.offered)

    def _uncounted(self, cycles: int) -> int:
        """By how much the answers that clients had in the first cycles exceed what the mesh counted."""
        mesh = summed(self.meshes[:cycles])
        return together(self.clients[:cycles]).answered - mesh.requests - mesh.unrouted


def summed(counts: Iterable[MeshCounts]) -> MeshCounts:
    """All of them together."""
    return reduce(MeshCounts.plus, counts, MeshCounts())


def _percent(part: float, whole: float) -> float:
    return 100.0 * abs(part) / max(whole, 1.0)


def kill_envoy(cycle: int) -> None:
    """Kill this process's Envoy, in the third cycle."""
    if cycle == 3:
        for child in psutil.Process().children(recursive=True):
            if "envoy" in child.name():
                os.kill(child.pid, signal.SIGKILL)


def measure(settings: Settings, fault: Fault | None, cycles: int = CYCLES) -> Counted:
    """Run and count; the last second is left to requests that are still under way."""
    clients: list[ClientCounts] = []
    meshes: list[MeshCounts] = []

    class Teller:
        def tell(self, event: Event) -> None:
            if isinstance(event, CycleCompleted):
                clients.append(event.cycle.client or ClientCounts())
                meshes.append(event.cycle.entered or MeshCounts())
                if fault is not None:
                    fault(event.cycle.id)

    async def factory() -> Controller:
        return await build(settings)

    ending = run_headless(factory, Teller(), cycles=cycles, loop_factory=asyncio.new_event_loop)
    if ending.complaint and fault is None:
        raise SystemExit(ending.complaint)
    return Counted(tuple(clients), tuple(meshes))


def wrong_paths(folder: Path) -> Path:
    """A scenario half of whose requests go where the gateway has no route."""
    file = folder / "wrong-paths.toml"
    request = '[[request]]\nname = "{0}"\nmethod = "GET"\npath = "{0}"\nweight = 1.0\n'
    file.write_text(
        'title = "Wrong paths"\ndescription = "Half of the requests have no route."\nduration_s = 60.0\n'
        'speed = 1.0\nusers = 10\n[arrival]\nkind = "steady"\nbase_requests_per_s = 40.0\n'
        + request.format("/orders")
        + request.format("/nowhere")
    )
    return file


def _figures(name: str, runs: Sequence[Counted], *, faulty: bool) -> list[Figure]:
    total = together(run.client for run in runs)
    mesh = summed(run.mesh for run in runs)
    kinds = ", ".join(f"{kind} {count}" for kind, count in total.failures) or "none"

    def figure(what: str, percents: Sequence[float]) -> Figure:
        met = max(percents) <= BAR_PERCENT
        return Figure(f"{name}: {what}", spread(percents, "%"), f"at most {BAR_PERCENT:g} %", met)

    sides = (
        f"clients {total.sent}, mesh {mesh.requests} and {mesh.unrouted} by the gateway itself; "
        f"failed: clients {total.failed}, mesh {mesh.failures}"
    )
    same = [
        figure("requests, apart", [run.requests_percent for run in runs]),
        figure("failures, apart", [run.failures_percent for run in runs]),
    ]
    return [
        *([] if faulty else same),
        Figure(f"{name}: under way at the end", spread([r.under_way_percent for r in runs], "%"), "", None),
        Figure(f"{name}: lost with Envoy's counters", spread([r.lost_percent for r in runs], "%"), "", None),
        figure("answered and not explained", [r.unexplained_percent for r in runs]),
        Figure(f"{name}: both sides", sides, "", None),
        Figure(f"{name}: failures for clients", kinds, "", None),
    ]


def main() -> int:
    """Print what both sides counted."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=20, help="runs without faults (default: %(default)s)")
    parser.add_argument("--faulty", type=int, default=3, help="runs with each fault (default: %(default)s)")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        usual = replace(SETTINGS, runs=folder / "runs")
        calm = [measure(replace(usual, seed=n), None) for n in range(given.runs)]
        figures = _figures("no fault", calm, faulty=False)
        for title, settings, fault in (
            ("Envoy killed", usual, kill_envoy),
            ("half has no route", replace(usual, scenario=str(wrong_paths(folder))), None),
        ):
            runs = [measure(replace(settings, seed=n), fault) for n in range(given.faulty)]
            figures += _figures(title, runs, faulty=True)
    return show(f"Counts of clients and mesh (load average {os.getloadavg()[0]:.1f})", figures)


if __name__ == "__main__":
    sys.exit(main())
