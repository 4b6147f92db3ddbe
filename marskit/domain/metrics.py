"""Measurements of a mesh over one stretch of time, with the sample count beside every quantile."""

from bisect import bisect_left
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import accumulate
from math import ceil

from marskit.domain.topology import EdgeId


@dataclass(frozen=True, slots=True)
class Histogram:
    """Latencies in bins, like Envoy's; bins subtract and add exactly."""

    bins: tuple[tuple[float, float, int], ...] = ()
    """`(lower_ms, width_ms, count)`, by rising `lower_ms`, without empty bins."""

    @property
    def n(self) -> int:
        """Number of latencies."""
        return sum(count for _, _, count in self.bins)

    def quantile_ms(self, q: float) -> float | None:
        """The q-quantile (nearest rank, linear inside its bin) in ms, or None when there is no sample."""
        cumulative = list(accumulate(count for _, _, count in self.bins))
        if not cumulative:
            return None
        rank = max(1, ceil(q * cumulative[-1]))
        index = bisect_left(cumulative, rank)
        lower, width, count = self.bins[index]
        before = cumulative[index] - count
        return lower + width * (rank - before - 0.5) / count

    def mean_ms(self) -> float | None:
        """The mean in ms, each sample taken at its bin's middle, or None when there is no sample."""
        n = self.n
        return sum((lower + width / 2) * count for lower, width, count in self.bins) / n if n else None

    def minus(self, earlier: "Histogram") -> "Histogram":
        """The latencies since `earlier`, a previous reading of the same growing histogram.

        If any count is smaller than the earlier one, the counter restarted, and the whole of this reading is
        new.
        """
        old = {(lower, width): count for lower, width, count in earlier.bins}
        new = {(lower, width): count for lower, width, count in self.bins}
        if any(new.get(key, 0) < count for key, count in old.items()):
            return self
        return Histogram(
            tuple(
                (lower, width, count - old.get((lower, width), 0))
                for lower, width, count in self.bins
                if count > old.get((lower, width), 0)
            )
        )


def merge(histograms: Iterable[Histogram]) -> Histogram:
    """One histogram with the samples of all of them."""
    counts: dict[tuple[float, float], int] = {}
    for histogram in histograms:
        for lower, width, count in histogram.bins:
            counts[lower, width] = counts.get((lower, width), 0) + count
    return Histogram(tuple((lower, width, count) for (lower, width), count in sorted(counts.items())))


@dataclass(frozen=True, slots=True)
class EdgeSample:
    """Traffic on one edge during a sample; counts cover the sample only, and None is not measured."""

    edge: EdgeId
    requests: int = 0
    failures: int = 0
    """Responses of 500 and above, and requests without a response."""
    successes_ms: Histogram = field(default_factory=Histogram)
    """Latency of the successful requests at the caller, including retries and delay."""
    in_flight: int | None = None
    retries: int | None = None
    timeouts: int | None = None
    ejected: int | None = None
    """Replicas ejected by outlier detection at the end of the sample."""
    response_flags: tuple[tuple[str, int], ...] | None = None
    """Envoy's reasons for failures (UH, UO, UT, FI ...) with their counts."""


@dataclass(frozen=True, slots=True)
class ReplicaSample:
    """The requests of one ready replica during a sample, from all its callers together."""

    replica: str
    """Its name, which a restarted one keeps."""
    in_flight: int
    """Requests sent to it and not answered at the end of the sample."""
    sent: int
    """Requests sent to it during the sample, tries of retries included."""
    answered: int
    """Requests that it answered during the sample, with any status."""
    ejected: bool = False
    """Whether a caller's proxy leaves it out because of its failures."""


@dataclass(frozen=True, slots=True)
class WorkloadSample:
    """The state of one workload's replicas at the end of a sample."""

    workload: str
    replicas_desired: int
    replicas_ready: int | None = None
    """None if unmeasured."""
    utilisation: float | None = None
    """Mean share of the ready replicas' workers that were busy, 0 to 1; None if unmeasured."""
    queued: float | None = None
    """Requests waiting in the replicas' queues at the end of the sample; None if unmeasured."""
    ended: int | None = None
    """Ready replicas that ended unexpectedly during the sample, replaced or not; None if unmeasured."""
    replicas: tuple[ReplicaSample, ...] = ()
    """The traffic of each ready replica; empty if it is not measured."""


@dataclass(frozen=True, slots=True)
class ConfigGeneration:
    """The progress of the newest configuration, in three numbers because three steps can lag.

    Accepted: validated and written. Pushed: acknowledged by the proxy. Effective: seen to serve requests.
    None is not known.
    """

    accepted: int = 0
    pushed: int | None = None
    effective: int | None = None
    rejected_reason: str | None = None
    """Why the proxy rejected the newest configuration, in its own words; None if it did not."""


@dataclass(frozen=True, slots=True)
class MeshSample:
    """One reading of the whole mesh."""

    at_s: float
    """Seconds on the run's clock at the end of the sample."""
    duration_s: float
    edges: tuple[EdgeSample, ...]
    workloads: tuple[WorkloadSample, ...]
    generation: ConfigGeneration = ConfigGeneration()
    measured_at_s: float | None = None
    """Seconds on the run's clock up to which the data reach, where that is earlier than the reading."""
    unrouted: int = 0
    """Users' requests that the gateway answered itself: no route, a direct response or a redirect."""
    counter_resets: int = 0
    """How often a proxy's counters began at 0 again; what it counted since the sample before is lost."""

    @property
    def data_at_s(self) -> float:
        """Seconds on the run's clock up to which the data reach."""
        return self.at_s if self.measured_at_s is None else self.measured_at_s
