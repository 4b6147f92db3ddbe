"""Compares `resilience` with `threshold`: users' failed requests under each fault, on the same seeds.

Run: `python -m benchmarks.resilience [--mesh envoy --short] [--seeds N] [--fault NAME ...]`

Every run is the whole controller on the demo mesh under a steady load. A fault begins after some cycles
and is cleared after some more; the run continues until the settings have been taken back too.
"""

import argparse
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import mean, median

from rich.console import Console
from rich.table import Table

from benchmarks.live_loop import LiveLoop, play, write_scenario
from marskit.assembly.settings import Settings
from marskit.domain.actions import SetRetries, describe
from marskit.domain.commands import Act, CommandError, Inject
from marskit.domain.config import Retries
from marskit.domain.events import Event
from marskit.domain.faults import ClearFaults, Delay, Fault, InjectErrors, KillReplica, SlowDown
from marskit.domain.loop_events import Executed
from marskit.domain.metrics import MeshSample
from marskit.domain.records import Outcome
from marskit.domain.topology import GATEWAY
from marskit.mesh.envoy import demo_services

PLANNERS = ("threshold", "resilience")
NO_RETRIES = "kill, no retries"
"""Name of the fault on the demo without the retries that its manifests set."""
FAULTS: Mapping[str, Fault] = {
    "kill": KillReplica("payments"),
    "errors 20 %": InjectErrors("payments", 20.0),
    "errors 50 %": InjectErrors("payments", 50.0),
    "slow 3x": SlowDown("payments", 3.0),
    "delay 100 ms": Delay("payments", 100),
    "hang (slow 60x)": SlowDown("payments", 60.0),
    "delay 5 s": Delay("payments", 5000),
    "hang of one variant": Delay("recommendations-music", 5000),
    NO_RETRIES: KillReplica("payments"),
}
REQUESTS_PER_S = 40.0
MORE = 1.05
"""Allowed ratio of failed requests, `resilience` to `threshold`: a timeout ends a few requests that would
succeed."""
Spans = tuple[int, int, int]
"""Numbers of cycles before, during and after the fault."""
WHOLE: Spans = (4, 10, 16)
SHORT: Spans = (3, 7, 3)
"""For real time: too short for settings to be taken back."""


@dataclass(frozen=True, slots=True)
class Run:
    """The outcome of one run, from the fault to the end."""

    requests: int
    failed: int
    violated: int
    """Cycles in which an objective was violated."""
    in_flight: float
    """Mean number of users' requests in flight during the fault."""
    replica_s: float
    """Ready replicas, summed over time, in replica seconds."""
    actions: tuple[str, ...]
    refused: tuple[str, ...]
    """Actions that were not applied, with reasons."""
    left: int
    """Number of settings that differ from their initial values at the end, without replicas."""


def run(planner: str, name: str, seed: int, mesh: str, folder: Path, spans: Spans) -> Run:
    """Run one planner under one fault."""
    fault, (before_it, broken, after_it) = FAULTS[name], spans
    arrival = f'kind = "steady"\nbase_requests_per_s = {REQUESTS_PER_S:g}'
    scenario = write_scenario(folder, "steady-40", duration_s=6000, speed=7.5, arrival=arrival)
    settings = Settings(
        mesh=mesh, scenario=str(scenario), planner=planner, seed=seed, runs=folder / "runs", baselines=False
    )
    samples: list[MeshSample] = []
    events: list[Event] = []
    told: list[Run] = []

    async def script(live: LiveLoop) -> None:
        controller = live.controller
        source = controller._mesh  # single samples are not published
        read = source.sample

        async def sample() -> MeshSample:
            samples.append(await read())
            return samples[-1]

        source.sample = sample  # type: ignore[method-assign] # to record samples
        await live.up()
        if name == NO_RETRIES:
            for route in source.configuration.routes:
                none = SetRetries(route.virtual_service, route.index, Retries(0))
                await controller.handle(Act(none))
        before = source.configuration
        await live.completed(before_it)
        samples.clear()
        await controller.handle(Inject(fault))
        for cycle in range(before_it + 1, before_it + broken + 1):
            await live.completed(cycle)
            seen = controller.state.observation
            spare = seen is not None and (seen.workload("payments").replicas_ready or 0) > 1
            # Killing the last replica would fail all requests, whatever is set.
            if isinstance(fault, KillReplica) and spare and cycle < before_it + broken:
                try:
                    await controller.handle(Inject(fault))
                except CommandError:
                    continue  # No replica is ready yet.
        await controller.handle(Inject(ClearFaults()))
        cycles = await live.completed(before_it + broken + after_it)
        edges = [edge for each in samples for edge in each.edges if edge.edge.source == GATEWAY]
        done = [event.execution for event in events if isinstance(event, Executed)]
        now = source.configuration
        told.append(
            Run(
                sum(edge.requests for edge in edges),
                sum(edge.failures for edge in edges),
                sum(cycle.diagnosis.slo_met is False for cycle in cycles[before_it:]),
                mean(edge.in_flight or 0 for edge in edges[: len(edges) * broken // (broken + after_it)]),
                sum((w.replicas_ready or 0) * each.duration_s for each in samples for w in each.workloads),
                tuple(describe(e.action) for e in done if e.outcome is Outcome.APPLIED),
                tuple(f"{describe(e.action)}: {e.reason}" for e in done if e.outcome is not Outcome.APPLIED),
                sum(a != b for a, b in zip(before.routes, now.routes, strict=True))
                + sum(a != b for a, b in zip(before.outliers, now.outliers, strict=True)),
            )
        )

    play(settings, script, events.append)
    return told[0]


def measure(mesh: str, seeds: int, names: Sequence[str], spans: Spans) -> int:
    """Print a row per fault and planner; return 1 if more requests failed with `resilience` than allowed."""
    console = Console(width=140)
    table = Table(
        "fault", "planner", "failed by seed", "of", "SLO violation cycles", "in flight",
        "replica s", "actions",
        "settings left", title=f"Failed requests on {mesh}, {seeds} seeds", title_justify="left",
    )  # fmt: skip
    worse = 0
    with tempfile.TemporaryDirectory() as folder:
        for name in names:
            lost = {}
            for planner in PLANNERS:
                runs = [run(planner, name, seed, mesh, Path(folder), spans) for seed in range(1, seeds + 1)]
                lost[planner] = median(each.failed for each in runs)
                table.add_row(
                    name,
                    planner,
                    ", ".join(str(each.failed) for each in runs),
                    str(round(median(each.requests for each in runs))),
                    ", ".join(str(each.violated) for each in runs),
                    f"{median(each.in_flight for each in runs):.0f}",
                    f"{median(each.replica_s for each in runs):.0f}",
                    ", ".join(str(len(each.actions)) for each in runs),
                    ", ".join(str(each.left) for each in runs),
                )
                console.print(f"{name}, {planner}, seed 1: {'; '.join(runs[0].actions) or 'no action'}")
                for refused in runs[0].refused:
                    console.print(f"   not applied: {refused}")
            worse += lost["resilience"] > MORE * lost["threshold"] + 1
    console.print(table)
    return int(worse > 0)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m benchmarks.resilience")
    parser.add_argument("--mesh", choices=("twin", "envoy"), default="twin")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument(
        "--fault",
        choices=tuple(FAULTS),
        action="append",
        help="may be given repeatedly (default: all faults)",
    )
    parser.add_argument(
        "--short", action="store_true", help="run half as many cycles, for a mesh in real time"
    )
    given = parser.parse_args()
    if given.mesh == "envoy":
        demo_services.install_dependencies()
    raise SystemExit(
        measure(given.mesh, given.seeds, given.fault or tuple(FAULTS), SHORT if given.short else WHOLE)
    )
