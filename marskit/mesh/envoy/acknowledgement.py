"""Whether Envoy took what was written: from its own counters and versions, never from its words."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

State = Mapping[str, str | int]
"""Statistics by name: versions, counters and gauges."""

_NOT_OPENED = "listener_manager.listener_create_failure"
_REFUSALS = (".update_rejected", ".update_failure", _NOT_OPENED)
_SERVER_STATE = "server.state"
_UNFINISHED = {
    "cluster_manager.warming_clusters": "clusters are still warming",
    "listener_manager.total_listeners_warming": "listeners are still warming",
}
STATISTICS = (
    r"\.(version_text|update_rejected|update_failure|listener_create_failure)$"
    r"|^cluster_manager\.warming_clusters$|^listener_manager\.total_listeners_warming$|^server\.state$"
)
"""Matches the names of the statistics that `answer_of` needs."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What Envoy's statistics say of files that were written; everything is taken if nothing is said."""

    starts: int
    """Which start of Envoy answered."""
    refusals: Mapping[str, int]
    """Its counters of refusals."""
    refused: str = ""
    """The counter that shows a refusal."""
    missing: str = ""
    """What is not yet taken."""


@dataclass(frozen=True, slots=True)
class Written:
    """A file that was written for Envoy."""

    name: str
    version: int
    resource: str
    """The name of its resource; of no meaning in the lists of clusters and listeners."""


def answer_of(state: State, waiting: Sequence[Written], former: Mapping[str, int], starts: int) -> Answer:
    """Read the answer to files that were written.

    Args:
        state: The statistics that match `STATISTICS`.
        waiting: The files.
        former: The counters of refusals before they were written.
        starts: Which start of Envoy has these statistics.
    """
    refusals = {
        name: value for name, value in state.items() if name.endswith(_REFUSALS) and isinstance(value, int)
    }
    rose = [name for name, value in refusals.items() if value > former.get(name, 0)]
    missing = _missing(state, waiting)
    return Answer(starts, refusals, _refused(rose, taken=not missing), missing)


def _refused(rose: Sequence[str], *, taken: bool) -> str:
    """The counter that shows that the newest files were refused.

    Once they are taken, the others tell of earlier ones; but a listener is taken before it is opened.
    """
    return next((name for name in rose if not taken or name == _NOT_OPENED), "")


def _missing(state: State, waiting: Sequence[Written]) -> str:
    for file in waiting:
        if state.get(f"{_subscription(file)}.version_text") != str(file.version):
            return f"{file.name} is not in force"
    for gauge, what in _UNFINISHED.items():
        if count := state.get(gauge, 0):
            return f"{count} {what}"
    return "" if state.get(_SERVER_STATE, 0) == 0 else "it is still initialising"


def _subscription(file: Written) -> str:
    """The prefix of Envoy's statistics about the subscription that reads a file."""
    if file.name == "cds.json":
        return "cluster_manager.cds"
    if file.name == "lds.json":
        return "listener_manager.lds"
    name = file.resource
    return f"cluster.{name}" if file.name.startswith("eds-") else f"http.{name}.rds.{name}"
