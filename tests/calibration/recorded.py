"""Runs as they would be recorded of a mesh whose every number is known: the request-level twin's."""

import heapq
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import cache
from itertools import takewhile

from marskit.demo import DEMO_MANIFESTS
from marskit.domain.actions import Scale, describe
from marskit.domain.config import Configuration
from marskit.domain.diagnosis import Diagnosis
from marskit.domain.events import FaultInjected, RunStarted
from marskit.domain.faults import Fault
from marskit.domain.goals import Utility
from marskit.domain.load import LoadSample, LoadStatus
from marskit.domain.loop_events import CycleCompleted
from marskit.domain.metrics import MeshSample
from marskit.domain.plan import Plan
from marskit.domain.records import Cycle, Execution, Mode, Origin, Outcome
from marskit.knowledge.read.runs import StoredRun
from marskit.knowledge.record import Record, Recorder
from marskit.load.arrivals import user_arrivals
from marskit.load.scenario import load_scenario
from marskit.mapek.monitor.monitor import Monitor
from marskit.mesh.manifests.graph import configuration, goals, topology
from marskit.mesh.manifests.load import load_mesh
from marskit.mesh.manifests.model import MeshConfig
from marskit.mesh.simulator.adapter import CAPABILITIES
from marskit.mesh.simulator.compile import twin_model
from marskit.mesh.simulator.engine import Arrivals, Engine
from marskit.mesh.simulator.model import TwinModel
from marskit.mesh.simulator.requests import RequestTwin

PERIOD_S = 2.0
SAMPLE_S = 0.5
LEAD_S = 3.0
"""The load begins that long after the run, as it does with a real mesh."""


@cache
def demo() -> MeshConfig:
    return load_mesh(DEMO_MANIFESTS)


@cache
def demo_model() -> TwinModel:
    return twin_model(demo())


def engine(model: TwinModel, arrivals: Arrivals, seed: int) -> Engine:
    return RequestTwin(model, arrivals, seed=seed)


def known_model(
    *,
    service_ms: dict[str, float],
    cv: dict[str, float],
    hop_ms: dict[tuple[str, str], float],
    per_request: float,
    start_s: float,
) -> TwinModel:
    """The demo's mesh with other numbers than its manifests say."""
    model = demo_model()
    return TwinModel(
        tuple(
            replace(s, service_ms=service_ms[s.workload], service_cv=cv[s.workload], start_s=start_s)
            for s in model.stations
        ),
        tuple(
            replace(
                call,
                hop_ms=hop_ms[call.source, call.service],
                per_request=call.per_request if call.source == "ingress" else per_request,
            )
            for call in model.calls
        ),
    )


def record(
    model: TwinModel,
    *,
    scenario: str,
    seed: int,
    cycles: int,
    scales: Sequence[tuple[float, str, int]] = (),
    faults: Sequence[tuple[float, Fault]] = (),
) -> StoredRun:
    """A run of `cycles` cycles; `scales` are `(at_s, workload, replicas)`, carried out by whoever it was."""
    played = load_scenario(scenario)
    info = played.info()
    started = RunStarted(
        run=f"{scenario}-{seed}",
        mesh="twin",
        seed=seed,
        planner="static",
        planners=("static",),
        mode=Mode.AUTO,
        period_s=PERIOD_S,
        topology=topology(demo()),
        configuration=configuration(demo()),
        goals=goals(demo()),
        scenario=info,
        scenarios=(scenario,),
        capabilities=CAPABILITIES,
    )
    end_s = LEAD_S + PERIOD_S * (cycles + 1)
    streams = [user_arrivals(played, seed, user) for user in range(played.users)]
    merged = heapq.merge(*((LEAD_S + arrival.at_s for arrival in stream) for stream in streams))
    twin = engine(model, _Arrivals(list(takewhile(lambda at_s: at_s < end_s, merged))), seed + 1000)
    monitor = Monitor(started.topology, started.goals, 2 * PERIOD_S)
    recorder = Recorder()
    recorder.note(started)
    replicas = dict(started.configuration.replicas)
    todo = sorted(scales)
    done: list[Execution] = []
    broken = sorted(faults, key=lambda each: each[0])
    records: list[Record] = []
    for sample in range(1, round((end_s - PERIOD_S) / SAMPLE_S) + 1):
        at_s = sample * SAMPLE_S
        while todo and todo[0][0] <= at_s:
            scaled_s, workload, count = todo.pop(0)
            twin.advance(scaled_s)
            twin.scale(workload, count)
            done.append(_execution(len(done) + 1, scaled_s, workload, count, replicas, model))
        while broken and broken[0][0] <= at_s:
            recorder.note(FaultInjected(*broken.pop(0)))
        twin.advance(at_s)
        edges, workloads = twin.read()
        monitor.add(MeshSample(at_s, SAMPLE_S, edges, workloads))
        if at_s > LEAD_S and (at_s - LEAD_S) % PERIOD_S == 0:
            now = Configuration(
                tuple(replicas.items()), started.configuration.routes, started.configuration.outliers
            )
            observation = monitor.observe(now, _load(at_s, played.speed))
            cycle = Cycle(
                id=len(records) + 1,
                started_at_s=at_s,
                ended_at_s=at_s,
                mode=Mode.AUTO,
                planner="static",
                observation=observation,
                diagnosis=Diagnosis((), (), None, Utility(0.0, 0.0, 0.0, 0.0, 0.0), ""),
                plan=Plan("static", (), (), ""),
                executions=tuple(done),
                effects=(),
                cpu_ms=0.0,
            )
            record = recorder.note(CycleCompleted(cycle))
            assert record is not None
            records.append(record)
            done = []
    return StoredRun(started, datetime(2026, 1, 1, tzinfo=UTC), tuple(records), ())


def _execution(
    id: int, at_s: float, workload: str, count: int, replicas: dict[str, int], model: TwinModel
) -> Execution:
    before, replicas[workload] = replicas[workload], count
    start_ms = 1000.0 * model.station(workload).start_s
    return Execution(
        id=id,
        origin=Origin.PLANNER,
        action=Scale(workload, count),
        command=describe(Scale(workload, count)),
        diff="",
        inverse=Scale(workload, before),
        inverse_command=None,
        outcome=Outcome.APPLIED,
        reason="",
        at_s=at_s,
        effective_after_ms=start_ms if count > before else 10.0,
    )


def _load(at_s: float, speed: float) -> LoadSample:
    return LoadSample(
        at_s=at_s,
        status=LoadStatus.RUNNING,
        users=40,
        factor=1.0,
        scenario_s=(at_s - LEAD_S) * speed,
        offered_requests_per_s=0.0,
        sent_requests_per_s=0.0,
        failures_per_s=0.0,
    )


class _Arrivals:
    def __init__(self, times_s: list[float]) -> None:
        self._times_s = times_s

    def rate_per_s(self, at_s: float) -> float:
        return 0.0

    def until(self, at_s: float) -> list[float]:
        due = [time_s for time_s in self._times_s if time_s < at_s]
        self._times_s = self._times_s[len(due) :]
        return due
