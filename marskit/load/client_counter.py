"""Counts the requests of one process that sends them, and adds those of several."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from marskit.domain.load import ClientCounts, RequestFailure, counted


@dataclass(slots=True)
class ClientCounter:
    """The requests since the process began."""

    offered: int = 0
    succeeded: int = 0
    failures: dict[RequestFailure, int] = field(default_factory=dict)

    def fail(self, kind: RequestFailure) -> None:
        """Count a failure."""
        self.failures[kind] = self.failures.get(kind, 0) + 1

    def counts(self) -> ClientCounts:
        """The counts now."""
        return ClientCounts(self.offered, self.succeeded, counted(self.failures.items()))


def to_plain(counts: ClientCounts) -> dict[str, Any]:
    """The counts as JSON has them."""
    failures = {kind.value: count for kind, count in counts.failures}
    return {"offered": counts.offered, "succeeded": counts.succeeded, "failures": failures}


def from_plain(found: Any) -> ClientCounts:
    """What `to_plain` made; raises KeyError, TypeError or ValueError for anything else."""
    failures = counted((RequestFailure(kind), int(count)) for kind, count in found["failures"].items())
    return ClientCounts(int(found["offered"]), int(found["succeeded"]), failures)


def together(parts: Iterable[ClientCounts]) -> ClientCounts:
    """All counts added up."""
    total = ClientCounts()
    for part in parts:
        total = total.plus(part)
    return total
