"""The load as reported by its generator, and what became of its requests as their clients saw it."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum


class LoadStatus(StrEnum):
    """The load generator's status."""

    STARTING = "starting"
    RUNNING = "running"
    STOPPED = "stopped"
    FAILED = "failed"
    """It ended."""
    SILENT = "silent"
    """It does not answer; whether it sends is not known."""


class RequestFailure(StrEnum):
    """The ways in which a request can fail for its client, each in the words that people read."""

    REFUSED = "connection refused"
    RESET = "connection reset"
    TIMED_OUT = "timed out"
    STATUS_4XX = "status 4xx"
    STATUS_5XX = "status 5xx"
    WRONG_ANSWER = "wrong answer"
    """Another status, header or body than the scenario expects."""
    NOT_SENT = "not sent"
    """Due, but the client could not send it, or was not there to send it."""
    ABANDONED = "in flight when the load generator ended"
    OTHER = "failed otherwise"


UNANSWERED = (
    RequestFailure.REFUSED,
    RequestFailure.RESET,
    RequestFailure.TIMED_OUT,
    RequestFailure.ABANDONED,
    RequestFailure.OTHER,
)
"""Failures without an answer: the mesh may not have seen the request, or may have counted it otherwise."""


@dataclass(frozen=True, slots=True)
class ClientCounts:
    """The users' requests as their clients counted them, from the run's beginning or over a stretch of it."""

    offered: int = 0
    """Requests that were due."""
    succeeded: int = 0
    """Requests with the answer that the scenario expects."""
    failures: tuple[tuple[RequestFailure, int], ...] = ()
    """Failed requests by kind, without kinds that did not occur, in the order of `RequestFailure`."""

    @property
    def failed(self) -> int:
        """Requests that failed, including those that were never sent."""
        return sum(count for _, count in self.failures)

    @property
    def sent(self) -> int:
        """Requests that were sent and have ended."""
        return self.succeeded + self.failed - self.of(RequestFailure.NOT_SENT)

    @property
    def answered(self) -> int:
        """Requests with an answer, expected or not."""
        return self.succeeded + self.failed - self.of(RequestFailure.NOT_SENT, *UNANSWERED)

    @property
    def unfinished(self) -> int:
        """Requests that were due and have not ended: in flight, or waiting for a free client."""
        return self.offered - self.succeeded - self.failed

    def of(self, *kinds: RequestFailure) -> int:
        """Number of failures of these kinds."""
        return sum(count for kind, count in self.failures if kind in kinds)

    def since(self, earlier: "ClientCounts | None") -> "ClientCounts":
        """The requests since an earlier reading; `unfinished` is then its change."""
        if earlier is None:
            return self
        before = dict(earlier.failures)
        return ClientCounts(
            self.offered - earlier.offered,
            self.succeeded - earlier.succeeded,
            counted((kind, count - before.get(kind, 0)) for kind, count in self.failures),
        )

    def plus(self, other: "ClientCounts") -> "ClientCounts":
        """Both together."""
        return ClientCounts(
            self.offered + other.offered,
            self.succeeded + other.succeeded,
            counted((*self.failures, *other.failures)),
        )


def counted(failures: Iterable[tuple[RequestFailure, int]]) -> tuple[tuple[RequestFailure, int], ...]:
    """The counts added up by kind, in the order of `RequestFailure`, without zeros."""
    totals: dict[RequestFailure, int] = {}
    for kind, count in failures:
        totals[kind] = totals.get(kind, 0) + count
    return tuple((kind, totals[kind]) for kind in RequestFailure if totals.get(kind))


@dataclass(frozen=True, slots=True)
class LoadSample:
    """One reading of the load generator; None is not known, as while the generator does not answer."""

    at_s: float
    """Seconds on the run's clock."""
    status: LoadStatus
    users: int | None
    factor: float
    """Factor on the scenario's own rate; a flash crowd is a factor above 1."""
    scenario_s: float
    """Position in the scenario's curve, in scenario seconds."""
    offered_requests_per_s: float
    """Offered rate: the curve's rate now, factor included."""
    sent_requests_per_s: float | None
    failures_per_s: float | None
    reason: str | None = None
    """Why the generator failed, in one sentence; None if it did not."""
    counts: ClientCounts | None = None
    """The requests since the run's beginning, as their clients saw them."""
