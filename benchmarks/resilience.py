"""What `resilience` is worth beside `threshold`: the users' failed requests under each fault, same seeds.

Run: `python -m benchmarks.resilience [--mesh envoy --short] [--seeds N] [--fault NAME ...]`

Every run is the whole controller on the demo mesh under a steady load. A fault begins after some cycles, is
taken back after some more, and the run goes on until the settings have been taken back too.
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
from marskit.domain.events import Event, Executed
from marskit.domain.faults import ClearFaults, Delay, Fault, InjectErrors, KillReplica, SlowDown
from marskit.domain.metrics import MeshSample
from marskit.domain.records import Outcome
from marskit.domain.topology import GATEWAY
from marskit.mesh.envoy import demo_services

PLANNERS = ("threshold", "resilience")
NO_RETRIES = "kill, no retries"
"""On the demo without the retries that its manifests set."""
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
"""What hangs is lost with either; a shorter timeout loses a little of what would come in the end."""
Spans = tuple[int, int, int]
"""Cycles before the fault, with it, and after it."""
WHOLE: Spans = (4, 10, 16)
SHORT: Spans = (3, 7, 3)
"""In real time, without the end in which settings are taken back."""


@dataclass(frozen=True, slots=True)
class Run:
    """What one run came to, from the fault to the end."""

    requests: int
    failed: int
    violated: int
    """Cycles in which an objective was violated."""
    in_flight: float
    """Users' requests under way, in the mean while the fault lasts."""
    replica_s: float
    """Ready replicas times seconds."""
    actions: tuple[str, ...]
    refused: tuple[str, ...]
    """What was not applied, and why."""
    left: int
    """Settings that differ from the manifests' at the end, replicas aside."""


def run(planner: str, name: str, seed: int, mesh: str, folder: Path, spans: Spans) -> Run:
    """One run of one planner under one fault."""
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
        source = controller._mesh  # nobody else is told single samples
        read = source.sample

        async def sample() -> MeshSample:
            samples.append(await read())
            return samples[-1]

        source.sample = sample  # type: ignore[method-assign] # listens in
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
            spare = seen is not None and seen.workload("payments").replicas_ready > 1
            # Where the last one is killed, no setting helps.
            if isinstance(fault, KillReplica) and spare and cycle < before_it + broken:
                try:
                    await controller.handle(Inject(fault))
                except CommandError:
                    continue  # None is ready: it has not come back yet.
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
                mean(edge.in_flight for edge in edges[: len(edges) * broken // (broken + after_it)]),
                sum(w.replicas_ready * each.duration_s for each in samples for w in each.workloads),
                tuple(describe(e.action) for e in done if e.outcome is Outcome.APPLIED),
                tuple(f"{describe(e.action)}: {e.reason}" for e in done if e.outcome is not Outcome.APPLIED),
                sum(a != b for a, b in zip(before.routes, now.routes, strict=True))
                + sum(a != b for a, b in zip(before.outliers, now.outliers, strict=True)),
            )
        )

    play(settings, script, events.append)
    return told[0]


def measure(mesh: str, seeds: int, names: Sequence[str], spans: Spans) -> int:
    """Print a row for every fault and planner; 1 where `resilience` lost clearly more than `threshold`."""
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
    parser.add_argument("--fault", choices=tuple(FAULTS), action="append", help="all unless given")
    parser.add_argument("--short", action="store_true", help="half as many cycles, for a mesh in real time")
    given = parser.parse_args()
    if given.mesh == "envoy":
        demo_services.install_dependencies()
    raise SystemExit(
        measure(given.mesh, given.seeds, given.fault or tuple(FAULTS), SHORT if given.short else WHOLE)
    )
