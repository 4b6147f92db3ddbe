"""Made-up runs on meshes of many workloads, for pictures and tests: names as shops give them."""

import random
from dataclasses import replace

from marskit.domain.actions import Scale
from marskit.domain.config import Configuration
from marskit.domain.events import MeshReady, Observed
from marskit.domain.goals import Goals, Slo
from marskit.domain.load import LoadSample, LoadStatus
from marskit.domain.loop_events import Monitored, PhaseStarted, RunningChanged
from marskit.domain.metrics import ConfigGeneration
from marskit.domain.observation import (
    EdgeObservation,
    Latency,
    Observation,
    ServiceObservation,
    WorkloadObservation,
)
from marskit.domain.records import Phase
from marskit.domain.topology import GATEWAY, EdgeId, Service, Topology, Workload
from tests.tui.scripts import STARTED, Story

WORDS = ("search", "session", "settlement", "shipping", "stock", "subscription", "product", "profile")
PARTS = ("catalog", "index", "ranking", "pricing", "history", "export", "gateway")


def names(count: int) -> list[str]:
    """Names that share beginnings and ends, so that careless cuts make them alike."""
    made = [f"{word}-{part}-svc" for part in PARTS for word in WORDS]
    return [made[n % len(made)] + (f"-{n // len(made)}" if n >= len(made) else "") for n in range(count)]


def topology(count: int, layers: int = 4, seed: int = 7) -> Topology:
    """A mesh of so many workloads: each but those of the first layer has one or two callers before it."""
    chance, called = random.Random(seed), names(count)
    first = max(1, count // 10)
    depth = {
        name: 0 if n < first else 1 + (n - first) * (layers - 1) // max(1, count - first)
        for n, name in enumerate(called)
    }
    edges = [EdgeId(GATEWAY, name, name) for name in called if depth[name] == 0]
    for name in called:
        if depth[name]:
            before = [other for other in called if depth[other] == depth[name] - 1]
            for caller in chance.sample(before, min(len(before), chance.choice((1, 1, 2)))):
                edges.append(EdgeId(caller, name, name))
    return Topology(
        "shop",
        tuple(Service(name, "shop", 8080, (name,)) for name in called),
        tuple(Workload(name, name, "v1", 1, 6) for name in called),
        tuple(edges),
    )


def large(count: int, ill: tuple[int, ...] = (), *, layers: int = 4) -> Story:
    """A run on such a mesh; the workloads with the numbers `ill` answer too late and with errors."""
    mesh = topology(count, layers)
    story = Story()
    goals = Goals(tuple(Slo(workload.service, 250.0) for workload in mesh.workloads))
    replicas = tuple((workload.name, 2) for workload in mesh.workloads)
    configuration = Configuration(replicas=replicas, routes=(), outliers=())
    story.tell(replace(STARTED, topology=mesh, goals=goals, configuration=configuration))
    story.tell(MeshReady(1.0, "http://127.0.0.1:10000"), RunningChanged(1.0, running=True))
    for second in range(2, 30):
        story.tell(Observed(observation(mesh, float(second), {mesh.workloads[n].name for n in ill})))
    story.now_s = 30.0
    return story


def observation(mesh: Topology, at_s: float, ill: set[str]) -> Observation:
    """What is seen at that moment."""
    rate = 40.0

    def latency(name: str) -> Latency:
        p95_ms = 900.0 if name in ill else 40.0
        return Latency(400, p95_ms * 0.5, p95_ms, p95_ms * 1.2, p95_ms * 0.6)

    def failures(name: str) -> float:
        return 8.0 if name in ill else 0.0

    return Observation(
        at_s,
        10.0,
        tuple(ServiceObservation(s.name, rate, failures(s.name), latency(s.name)) for s in mesh.services),
        tuple(
            WorkloadObservation(w.name, w.service, 2, 2, rate, 0.97 if w.name in ill else 0.35, 0.0)
            for w in mesh.workloads
        ),
        tuple(
            EdgeObservation(e, rate, failures(e.workload), latency(e.workload), 3, 0.0, 0.0, 0, None, 100.0)
            for e in mesh.edges
        ),
        LoadSample(at_s, LoadStatus.RUNNING, 48, 1.0, at_s, rate, rate, 0.0),
        ConfigGeneration(1, 1, 1),
    )


def waiting(story: Story) -> Story:
    """The same with a plan that waits for approval, and a verdict that has grown old."""
    mesh = story.state.started
    assert mesh is not None
    seen = story.state.observation
    assert seen is not None
    first = mesh.topology.workloads[0].name
    story.tell(PhaseStarted(story.now_s, 1, Phase.MONITOR), Monitored(story.now_s, 1, seen))
    story.cycle = 1
    return story.plan(Scale(first, 4)).await_approval()
