"""The faults that a person can inject to watch the loop recover."""

from dataclasses import dataclass
from typing import assert_never

LONGEST_DELAY_MS = 60_000


@dataclass(frozen=True, slots=True)
class KillReplica:
    """Kill one replica of a workload at once, as `kill -9` or a lost node would."""

    workload: str


@dataclass(frozen=True, slots=True)
class SlowDown:
    """Multiply the service time of every replica of a workload, including later ones."""

    workload: str
    factor: float


@dataclass(frozen=True, slots=True)
class InjectErrors:
    """Make a share of a workload's responses fail, including those of later replicas."""

    workload: str
    percent: float


@dataclass(frozen=True, slots=True)
class Delay:
    """Add a fixed time to every request to a workload, without occupying its workers."""

    workload: str
    delay_ms: int


@dataclass(frozen=True, slots=True)
class ClearFaults:
    """Remove every slow-down, delay and injected error."""


Fault = KillReplica | SlowDown | InjectErrors | Delay | ClearFaults


def describe_fault(fault: Fault) -> str:
    """The fault in a few words, for logs and screens."""
    match fault:
        case KillReplica(workload):
            return f"kill a replica of {workload}"
        case SlowDown(workload, factor):
            return f"slow {workload} down {factor:g}×"
        case InjectErrors(workload, percent):
            return f"inject {percent:g}% errors into {workload}"
        case Delay(workload, delay_ms):
            return f"delay {workload} by {delay_ms} ms"
        case ClearFaults():
            return "clear all faults"
        case _:
            assert_never(fault)
