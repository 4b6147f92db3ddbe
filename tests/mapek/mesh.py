"""A small mesh for tests: the gateway calls orders, which calls payments and two kinds of recommendations."""

from dataclasses import replace

from marskit.domain.config import Configuration, Destination, OutlierSetting, RouteSetting
from marskit.domain.goals import Goals, Slo
from marskit.domain.metrics import ConfigGeneration, Histogram
from marskit.domain.observation import (
    EdgeObservation,
    Latency,
    Observation,
    ServiceObservation,
    WorkloadObservation,
)
from marskit.domain.topology import GATEWAY, EdgeId, Service, Topology, Workload
from marskit.planning import PlanningView

INTO_ORDERS = EdgeId(GATEWAY, "orders", "orders")
TO_PAYMENTS = EdgeId("orders", "payments", "payments")
TO_FOOD = EdgeId("orders", "recommendations", "food")
TO_MUSIC = EdgeId("orders", "recommendations", "music")

TOPOLOGY = Topology(
    namespace="demo",
    services=(
        Service("orders", "demo", 8080, ("orders",)),
        Service("payments", "demo", 8080, ("payments",)),
        Service("recommendations", "demo", 8080, ("food", "music")),
    ),
    workloads=(
        Workload("orders", "orders", None, max_replicas=10),
        Workload("payments", "payments", None, max_replicas=10),
        Workload("food", "recommendations", "food", max_replicas=10),
        Workload("music", "recommendations", "music", max_replicas=10),
    ),
    edges=(INTO_ORDERS, TO_PAYMENTS, TO_FOOD, TO_MUSIC),
)
GOALS = Goals((Slo("orders", 300.0), Slo("payments", 200.0)))


def configuration(
    orders: int = 1, payments: int = 1, food: int = 1, music: int = 1, *, food_weight: int = 50
) -> Configuration:
    split = (
        Destination("recommendations", "food", "food", food_weight),
        Destination("recommendations", "music", "music", 100 - food_weight),
    )
    return Configuration(
        replicas=(("orders", orders), ("payments", payments), ("food", food), ("music", music)),
        routes=(
            RouteSetting("payments", 0, None, (Destination("payments", None, "payments", 100),), 2000, None),
            RouteSetting("recommendations", 0, None, split, 1000, None),
        ),
        outliers=(OutlierSetting("payments", "payments", None),),
    )


def latency(p95_ms: float | None, n: int = 400) -> Latency:
    if p95_ms is None:
        return Latency()
    return Latency(n=n, p50_ms=p95_ms / 2, p95_ms=p95_ms, p99_ms=p95_ms * 1.2)


def histogram(*latencies_ms: float) -> Histogram:
    counts: dict[float, int] = {}
    for value in latencies_ms:
        counts[value] = counts.get(value, 0) + 1
    return Histogram(tuple((value, 1.0, count) for value, count in sorted(counts.items())))


class World:
    """Builds observations: healthy by default, each call changes one thing."""

    def __init__(self, config: Configuration | None = None) -> None:
        self.configuration = config or configuration()
        self.edges = {
            edge: EdgeObservation(edge, 40.0, 0.0, latency(50.0), 1, 0.0, 0.0, 0, None, 100.0)
            for edge in TOPOLOGY.edges
        }
        self.workloads = {
            w.name: WorkloadObservation(
                w.name,
                w.service,
                self.configuration.replicas_of(w.name),
                self.configuration.replicas_of(w.name),
                40.0,
                0.5,
                0.0,
            )
            for w in TOPOLOGY.workloads
        }

    def edge(
        self,
        edge: EdgeId,
        *,
        p95_ms: float | None = 50.0,
        n: int = 400,
        requests_per_s: float = 40.0,
        failures_per_s: float = 0.0,
        flags: tuple[tuple[str, int], ...] = (),
    ) -> "World":
        self.edges[edge] = replace(
            self.edges[edge],
            requests_per_s=requests_per_s,
            failures_per_s=failures_per_s,
            latency=latency(p95_ms, n),
            response_flags=flags,
        )
        return self

    def workload(
        self,
        name: str,
        *,
        utilisation: float | None = 0.5,
        queued: float | None = 0.0,
        ready: int | None = None,
    ) -> "World":
        before = self.workloads[name]
        self.workloads[name] = replace(
            before,
            utilisation=utilisation,
            queued=queued,
            replicas_ready=before.replicas_ready if ready is None else ready,
        )
        return self

    def observation(self, at_s: float = 100.0) -> Observation:
        services = []
        for service in TOPOLOGY.services:
            into = [edge for edge in self.edges.values() if edge.edge.service == service.name]
            worst = max(into, key=lambda edge: edge.latency.p95_ms or 0.0)
            services.append(
                ServiceObservation(
                    service.name,
                    sum(edge.requests_per_s for edge in into),
                    sum(edge.failures_per_s for edge in into),
                    worst.latency,
                    slow_percent=0.0,
                )
            )
        return Observation(
            at_s=at_s,
            window_s=10.0,
            services=tuple(services),
            workloads=tuple(self.workloads.values()),
            edges=tuple(self.edges.values()),
            load=None,
            generation=ConfigGeneration(),
        )

    def view(self, now_s: float = 100.0, *, speed: float = 1.0) -> PlanningView:
        return PlanningView(
            now_s=now_s,
            speed=speed,
            topology=TOPOLOGY,
            configuration=self.configuration,
            goals=GOALS,
            observation=self.observation(now_s),
            recent=(),
            cycles=(),
        )
