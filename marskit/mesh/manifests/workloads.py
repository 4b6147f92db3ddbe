"""Kubernetes Deployments and Services, as far as marskit uses them."""

from dataclasses import dataclass

from marskit.mesh.manifests.metadata import OUR_ANNOTATIONS

CANARY_OF = f"{OUR_ANNOTATIONS}canary-of"


@dataclass(frozen=True, slots=True)
class Probe:
    """One probe of a container; the defaults are Kubernetes'."""

    path: str | None
    """Requested by GET; None if an open port is enough."""
    period_ms: int = 10_000
    timeout_ms: int = 1000
    failures: int = 3
    """So many failures in a row make it fail."""
    successes: int = 1
    """So many successes in a row make it succeed."""
    initial_delay_ms: int = 0
    """Wait after the start of the process."""
    grace_ms: int | None = None
    """Time to end for a process that fails; None for that of the pod."""
    headers: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class LocalProcess:
    """How a replica runs as a process on this machine, without its container."""

    command: tuple[str, ...]
    """`node` as the first word means the Node.js that comes with marskit; `{port}` stands for the port."""
    port_env: str | None
    """The variable that gives the process its port; None if the command contains `{port}`."""
    env: tuple[tuple[str, str], ...]
    """Set on top of the container's own variables."""
    directory: str | None
    """Working directory; None is the folder that the manifests belong to."""
    chaos_path: str | None
    """Path at which the replica accepts faults, if it does."""
    packages: str | None = None
    """`npm`: the working directory is a workspace, and the process runs in a copy that has its packages."""


@dataclass(frozen=True, slots=True)
class Deployment:
    """A Deployment with one application container."""

    name: str
    namespace: str
    labels: tuple[tuple[str, str], ...]
    """Of its pods."""
    replicas: int
    image: str
    container_port: int | None
    env: tuple[tuple[str, str], ...]
    readiness: Probe | None
    metrics_path: str | None
    """The path annotated for Prometheus; None if there is none."""
    cpu_request_millis: int | None
    termination_grace_s: float
    min_replicas: int
    max_replicas: int
    local: LocalProcess | None
    """None: the manifests do not define how to run it here."""
    named_ports: tuple[tuple[str, int], ...] = ()
    """`(name, containerPort)`, for Services whose targetPort is a name."""
    startup: Probe | None = None
    """Until it succeeds, the others wait."""
    liveness: Probe | None = None
    """A replica that fails it is restarted."""
    canary_of: str | None = None
    """The Deployment that this canary may replace; None if it is not a canary."""


@dataclass(frozen=True, slots=True)
class KeyValues:
    """A ConfigMap or a Secret."""

    kind: str
    name: str
    namespace: str
    data: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class KubernetesService:
    """A Service that selects pods by label."""

    name: str
    namespace: str
    selector: tuple[tuple[str, str], ...]
    ports: tuple[tuple[int, int | str], ...]
    """`(port, targetPort)`."""
    slo_latency_p95_ms: float | None
    slo_availability_percent: float | None
    other_protocols: tuple[tuple[int, str], ...] = ()
    """The ports that carry something else than HTTP/1.1, and what that is."""

    @property
    def host(self) -> str:
        """The fully qualified host name."""
        return f"{self.name}.{self.namespace}.svc.cluster.local"
