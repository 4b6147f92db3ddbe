"""The interface of the twin's engines, request-level and fast."""

from collections.abc import Sequence
from typing import Protocol

from marskit.domain.metrics import EdgeSample, WorkloadSample
from marskit.mesh.simulator.model import TwinModel


class Arrivals(Protocol):
    """The requests that enter the mesh; times are real seconds on the twin's clock."""

    def rate_per_s(self, at_s: float) -> float:
        """The expected rate of requests at that time."""
        ...

    def until(self, at_s: float) -> Sequence[float]:
        """The arrivals since the last call and before `at_s`, in order."""
        ...


class Engine(Protocol):
    """A mesh in virtual time. It never waits: `advance` computes everything up to a moment.

    The same model, seed, arrivals and calls give the same readings.
    """

    @property
    def model(self) -> TwinModel:
        """The simulated model, including traffic shifts."""
        ...

    def advance(self, until_s: float) -> None:
        """Simulate everything before then."""
        ...

    def read(self) -> tuple[tuple[EdgeSample, ...], tuple[WorkloadSample, ...]]:
        """The traffic on every edge since the last reading, and the present state of every workload.

        Edges come in the order of `TwinModel.edges`, workloads in that of its stations.
        """
        ...

    def scale(self, workload: str, replicas: int) -> None:
        """Set the desired replicas; new ones are ready after `Station.start_s` or later."""
        ...

    def unready_for_s(self, workload: str) -> float:
        """0 if all its replicas are ready, else the seconds until the next check."""
        ...

    def change(self, model: TwinModel) -> None:
        """Continue with other weights, timeouts or retries; stations must be the same."""
        ...

    def kill(self, workload: str) -> None:
        """End one ready replica with its requests, a stopped one first; another starts in its place."""
        ...

    def hang(self, workload: str) -> bool:
        """Stop one more ready replica, which takes requests and answers none until `resume` or `kill`.

        Returns whether there was one that was not stopped.
        """
        ...

    def resume(self, workload: str) -> None:
        """Let the stopped replicas continue with the requests that are still wanted."""
        ...

    def slow_down(self, workload: str, factor: float) -> None:
        """Multiply the service times that begin from now on."""
        ...

    def delay(self, workload: str, delay_s: float) -> None:
        """Delay the first try of every call; timeouts do not include it, as in Envoy."""
        ...

    def fail(self, workload: str, percent: float) -> None:
        """Make that share of the responses errors, after serving them."""
        ...
