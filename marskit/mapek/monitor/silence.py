"""How long each edge and each replica has not answered although requests wait for it.

A window is too coarse for this: it may begin before a silence does. So every sample is followed, also beyond
the window.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from marskit.domain.metrics import EdgeSample, MeshSample
from marskit.domain.topology import EdgeId

_NO_CAUSE = "URX"
"""Envoy's flag for exhausted retries, which stands beside the flag for their cause."""
Subject = EdgeId | str
"""An edge, or the name of a replica."""


@dataclass(frozen=True, slots=True)
class Silence:
    """How long one edge or replica has not answered."""

    since_s: float = 0.0
    """End of the last sample in which it answered or nothing waited."""
    lasts_s: float = 0.0
    """0 while nothing waits."""
    unanswered: int = 0
    """Requests that waited at that time or came since."""


_NONE = Silence()


class Silences:
    """The silences of a mesh, sample by sample."""

    def __init__(self) -> None:
        self._present: dict[Subject, Silence] = {}
        self._in_flight: dict[Subject, int] = {}

    def add(self, sample: MeshSample) -> None:
        """Take the next sample; who is not in it has ended."""
        before, self._present, in_flight = self._present, {}, dict(self._in_flight)
        begun_s = sample.at_s - sample.duration_s
        for subject, waiting, came, answered in self._traffic(sample):
            in_flight[subject] = waiting
            last = before.get(subject, Silence(begun_s))
            if answered > 0 or waiting + came == 0:
                self._present[subject] = Silence(sample.at_s, unanswered=waiting)
            else:
                unanswered = last.unanswered + came
                self._present[subject] = Silence(last.since_s, sample.at_s - last.since_s, unanswered)
        self._in_flight = in_flight

    def of(self, subject: Subject) -> Silence:
        """The silence of that edge or replica, which lasts for 0 s if it answers or nothing waits."""
        return self._present.get(subject, _NONE)

    def _traffic(self, sample: MeshSample) -> Iterator[tuple[Subject, int, int, int]]:
        """`(subject, in flight, came, answered)` of every edge and replica."""
        for edge in sample.edges:
            if edge.in_flight is not None:
                came = edge.requests + edge.in_flight - self._in_flight.get(edge.edge, 0)
                yield edge.edge, edge.in_flight, max(0, came), answered_of(edge)
        for workload in sample.workloads:
            for each in workload.replicas:
                yield each.replica, each.in_flight, each.sent, each.answered


def answered_of(edge: EdgeSample) -> int:
    """Number of the edge's requests that a replica answered, with any status.

    Failures with one of Envoy's flags were not: it gave up, or the connection broke. Without flags, failures
    count as answers.
    """
    flagged = sum(count for flag, count in edge.response_flags or () if flag != _NO_CAUSE)
    return edge.requests - min(edge.failures, flagged)
