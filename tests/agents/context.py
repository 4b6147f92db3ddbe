"""The demo mesh for planners that know the twin's model."""

from functools import cache

from marskit.agents.registry import PlannerContext
from marskit.demo import DEMO_MANIFESTS
from marskit.domain.goals import Goals
from marskit.domain.load import LoadSample, LoadStatus
from marskit.domain.metrics import EdgeSample, Histogram, MeshSample, WorkloadSample
from marskit.domain.topology import GATEWAY, EdgeId
from marskit.mapek.monitor.monitor import Monitor
from marskit.mesh.manifests.graph import configuration, goals, topology
from marskit.mesh.manifests.load import load_mesh
from marskit.mesh.manifests.model import MeshConfig
from marskit.mesh.simulator.card_file import demo_card
from marskit.mesh.simulator.compile import twin_model
from marskit.mesh.simulator.model import TwinModel
from marskit.planning import PlanningView

PERIOD_S = 2.0
SPEED = 7.5


@cache
def demo_config() -> MeshConfig:
    return load_mesh(DEMO_MANIFESTS)


@cache
def calibrated_demo() -> TwinModel:
    return twin_model(demo_config(), demo_card())


def demo_goals() -> Goals:
    return goals(demo_config())


def demo_context() -> PlannerContext:
    return PlannerContext(
        topology=topology(demo_config()),
        goals=demo_goals(),
        period_s=PERIOD_S,
        speed=SPEED,
        model=calibrated_demo,
        rate_at=lambda at_s: 40.0,
    )


def view_at(
    requests_per_s: float,
    *,
    utilisation: dict[str, float] | None = None,
    queued: dict[str, float] | None = None,
    now_s: float = 10.0,
    latency_ms: float = 90.0,
) -> PlanningView:
    """What planners see when so many requests a second come in; as busy as the model says unless told."""
    config, model = demo_config(), calibrated_demo()
    visits = model.visits()
    monitor = Monitor(topology(config), demo_goals(), 2 * PERIOD_S)
    settings = configuration(config)
    for at_s in (now_s - PERIOD_S, now_s):
        edges, workloads = [], []
        for call, workload in model.edges():
            count = round(requests_per_s * PERIOD_S * visits[workload])
            histogram = Histogram(((latency_ms, 1.0, count),)) if count else Histogram()
            edges.append(EdgeSample(EdgeId(call.source, call.service, workload), count, 0, histogram))
        for station in model.stations:
            busy = requests_per_s * visits[station.workload] / station.capacity_per_s / station.replicas
            workloads.append(
                WorkloadSample(
                    station.workload,
                    settings.replicas_of(station.workload),
                    station.replicas,
                    (utilisation or {}).get(station.workload, min(1.0, busy)),
                    (queued or {}).get(station.workload, 0.0),
                )
            )
        monitor.add(MeshSample(at_s, PERIOD_S, tuple(edges), tuple(workloads)))
    load = LoadSample(now_s, LoadStatus.RUNNING, 40, 1.0, now_s * SPEED, requests_per_s, requests_per_s, 0.0)
    observation = monitor.observe(settings, load)
    assert any(edge.edge.source == GATEWAY for edge in observation.edges)
    return PlanningView(
        now_s=now_s,
        speed=SPEED,
        topology=topology(config),
        configuration=settings,
        goals=demo_goals(),
        observation=observation,
        recent=(),
        cycles=(),
    )


def quiet_view() -> PlanningView:
    """A mesh that nobody has asked anything yet, of which nothing is known."""
    config = demo_config()
    monitor = Monitor(topology(config), demo_goals(), 2 * PERIOD_S)
    return PlanningView(
        now_s=0.0,
        speed=SPEED,
        topology=topology(config),
        configuration=configuration(config),
        goals=demo_goals(),
        observation=monitor.observe(configuration(config), None),
        recent=(),
        cycles=(),
    )
