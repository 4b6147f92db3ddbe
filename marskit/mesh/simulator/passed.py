"""What passed one edge of the twin between two readings, counted as the caller's proxy would."""

from collections import Counter

from marskit.domain.metrics import EdgeSample, Histogram
from marskit.domain.topology import EdgeId
from marskit.mesh.simulator.model import Call

FLAGS = frozenset({"UT", "UH", "UC"})
"""Envoy's reasons that are told; a 503 or 500 of the service itself has none."""


class Passed:
    """Counts, and latencies of successes in bins with two significant digits, as Envoy keeps them."""

    __slots__ = ("failures", "flags", "latencies", "requests", "retries", "timeouts")

    def __init__(self) -> None:
        self.requests = 0
        self.failures = 0
        self.retries = 0
        self.timeouts = 0
        self.flags: Counter[str] = Counter()
        self.latencies: Counter[tuple[float, float]] = Counter()
        """By `(lower_ms, width_ms)`."""

    def add(self, failure: str, latency_s: float) -> None:
        """Count a call that ended; `failure` is empty when it succeeded."""
        self.requests += 1
        if not failure:
            self.latencies[_bin(1000.0 * latency_s)] += 1
            return
        self.failures += 1
        self.timeouts += failure == "UT"
        if failure in FLAGS:
            self.flags[failure] += 1


def edge_sample(call: Call, workload: str, passed: Passed, in_flight: int) -> EdgeSample:
    """The reading of one edge."""
    return EdgeSample(
        edge=EdgeId(call.source, call.service, workload),
        requests=passed.requests,
        failures=passed.failures,
        successes_ms=Histogram(
            tuple((lower, width, n) for (lower, width), n in sorted(passed.latencies.items()))
        ),
        in_flight=in_flight,
        retries=passed.retries,
        timeouts=passed.timeouts,
        response_flags=tuple(sorted(passed.flags.items())),
    )


def _bin(latency_ms: float) -> tuple[float, float]:
    width = 0.1
    while latency_ms >= 100.0 * width:
        width *= 10.0
    return round(width * int(latency_ms / width), 3), width
