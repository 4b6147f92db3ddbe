"""The structure of the mesh: workloads, services, and the edges that traffic takes."""

from dataclasses import dataclass

GATEWAY = "ingress"
"""The source of every edge that enters the mesh."""


@dataclass(frozen=True, slots=True, order=True)
class EdgeId:
    """One path of traffic: from a caller to one workload of a service.

    This is the granularity of Istio's telemetry: source workload, destination service, destination workload.
    """

    source: str
    """`GATEWAY`, or the name of the calling Deployment."""
    service: str
    workload: str
    """The Deployment that responds; `unknown` for requests that failed before one was chosen."""

    def __str__(self) -> str:
        return f"{self.source} → {self.workload}"


@dataclass(frozen=True, slots=True)
class Workload:
    """A Deployment and the bounds within which it may be scaled."""

    name: str
    service: str
    version: str | None
    """The value of its `version` label, which is what a subset usually selects."""
    min_replicas: int = 1
    max_replicas: int = 10
    canary_of: str | None = None
    """The control workload that it may replace; None if it is not a canary."""


@dataclass(frozen=True, slots=True)
class Service:
    """A Kubernetes Service; calls are addressed to it, workloads answer."""

    name: str
    namespace: str
    port: int
    workloads: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Topology:
    """The static graph from the manifests; observations contain the traffic on it."""

    namespace: str
    services: tuple[Service, ...]
    workloads: tuple[Workload, ...]
    edges: tuple[EdgeId, ...]

    def service(self, name: str) -> Service:
        """The service of that name; raises `KeyError` when there is none."""
        for service in self.services:
            if service.name == name:
                return service
        raise KeyError(name)

    def workload(self, name: str) -> Workload:
        """The workload of that name; raises `KeyError` when there is none."""
        for workload in self.workloads:
            if workload.name == name:
                return workload
        raise KeyError(name)

    def callees(self, source: str) -> tuple[str, ...]:
        """The services that the workload `source` (or `GATEWAY`) calls, in the order of the edges."""
        return tuple(dict.fromkeys(edge.service for edge in self.edges if edge.source == source))
