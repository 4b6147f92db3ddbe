"""What moves the twin forward: one contract for the request-level engine and for the fast one."""

from collections.abc import Sequence
from typing import Protocol

from marskit.domain.metrics import EdgeSample, WorkloadSample
from marskit.mesh.simulator.model import TwinModel


class Arrivals(Protocol):
    """The requests that enter the mesh, whoever makes them; times are real seconds on the twin's clock."""

    def rate_per_s(self, at_s: float) -> float:
        """How many requests a second are to be expected at that time."""
        ...

    def until(self, at_s: float) -> Sequence[float]:
        """When requests arrived since the last call and before `at_s`, in order."""
        ...


class Engine(Protocol):
    """A mesh in virtual time. It never waits: `advance` computes what happens until a moment.

    The same model, seed, arrivals and calls give the same readings.
    """

    @property
    def model(self) -> TwinModel:
        """What is simulated, traffic shifts included."""
        ...

    def advance(self, until_s: float) -> None:
        """Let everything happen that happens before then."""
        ...

    def read(self) -> tuple[tuple[EdgeSample, ...], tuple[WorkloadSample, ...]]:
        """What passed every edge since the last reading, and the state of every workload now.

        Edges come in the order of `TwinModel.edges`, workloads in that of its stations.
        """
        ...

    def scale(self, workload: str, replicas: int) -> None:
        """Set how many replicas there are to be; new ones are ready after `Station.start_s` or later."""
        ...

    def unready_for_s(self, workload: str) -> float:
        """0 when all its replicas are ready, else after how many seconds to look again."""
        ...

    def change(self, model: TwinModel) -> None:
        """Go on with other weights, timeouts or retries; stations must be the same."""
        ...

    def kill(self, workload: str) -> None:
        """End one ready replica with what is in it; another is started in its place."""
        ...

    def slow_down(self, workload: str, factor: float) -> None:
        """Multiply the service times that begin from now on."""
        ...

    def delay(self, workload: str, delay_s: float) -> None:
        """Hold every call up for so long before its first try; no timeout counts it, as in Envoy."""
        ...

    def fail(self, workload: str, percent: float) -> None:
        """Let that share of the answers be errors, after they were served."""
        ...
