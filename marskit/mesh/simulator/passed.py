"""The traffic on one edge of the twin between two readings, counted as the caller's proxy would."""

from collections import Counter

from marskit.domain.metrics import EdgeSample, Histogram
from marskit.domain.topology import EdgeId
from marskit.mesh.simulator.model import Call

FLAGS = frozenset({"DC", "UC", "UH", "URX", "UT"})
"""Envoy's flags that are reported; a status of the service itself has none."""
_BINS_PER_S = 10_000
"""The finest bins are 0.1 ms wide."""


class Passed:
    """Counts, and the latencies of successes."""

    __slots__ = ("failures", "flags", "latencies_s", "retries", "timeouts")

    def __init__(self) -> None:
        self.failures = 0
        self.retries = 0
        self.timeouts = 0
        """Timeouts of calls and of single tries."""
        self.flags: Counter[str] = Counter()
        self.latencies_s: list[float] = []

    @property
    def requests(self) -> int:
        """Number of finished calls."""
        return self.failures + len(self.latencies_s)

    def fail(self, *reasons: str) -> None:
        """Count a call that failed."""
        self.failures += 1
        self.flags.update(FLAGS.intersection(reasons))


def edge_sample(call: Call, workload: str, passed: Passed, in_flight: int) -> EdgeSample:
    """The reading of one edge."""
    return EdgeSample(
        edge=EdgeId(call.source, call.service, workload),
        requests=passed.requests,
        failures=passed.failures,
        successes_ms=_histogram(passed.latencies_s),
        in_flight=in_flight,
        retries=passed.retries,
        timeouts=passed.timeouts,
        response_flags=tuple(sorted(passed.flags.items())),
    )


def _histogram(latencies_s: list[float]) -> Histogram:
    """Bins with two significant digits, as Envoy keeps them."""
    bins: Counter[tuple[float, float]] = Counter()
    for finest, count in Counter([int(_BINS_PER_S * latency_s) for latency_s in latencies_s]).items():
        width = 1
        while finest >= 100 * width:
            width *= 10
        bins[finest // width * width / 10, width / 10] += count
    return Histogram(tuple((lower, width, count) for (lower, width), count in sorted(bins.items())))
