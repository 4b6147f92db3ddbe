"""The faults that a person can inject to watch the loop recover."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import assert_never

LONGEST_DELAY_MS = 60_000


@dataclass(frozen=True, slots=True)
class KillReplica:
    """Kill one replica of a workload at once, as `kill -9` or a lost node would."""

    workload: str


@dataclass(frozen=True, slots=True)
class HangReplica:
    """Stop one replica of a workload: it takes requests and never answers, until it is killed or cleared."""

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
    """Remove every slow-down, delay and injected error, and let stopped replicas continue."""


Fault = KillReplica | HangReplica | SlowDown | InjectErrors | Delay | ClearFaults


def why_unfit(fault: Fault, workloads: Collection[str]) -> str | None:
    """Why the fault cannot be injected into a mesh of those workloads, or None if it can."""
    if isinstance(fault, ClearFaults):
        return None
    if fault.workload not in workloads:
        return f"{fault.workload!r} is not a workload; choose one of {', '.join(sorted(workloads))}"
    match fault:
        case SlowDown(_, factor) if not factor >= 1:
            return f"the slow-down factor is {factor:g}; it must be at least 1"
        case InjectErrors(_, percent) if not 0 <= percent <= 100:
            return f"the share of errors is {percent:g}%; it must be from 0 to 100"
        case Delay(_, delay_ms) if not 0 <= delay_ms <= LONGEST_DELAY_MS:
            return f"the delay is {delay_ms} ms; it must be from 0 to {LONGEST_DELAY_MS}"
        case _:
            return None


def describe_fault(fault: Fault) -> str:
    """The fault in a few words, for logs and screens."""
    match fault:
        case KillReplica(workload):
            return f"kill a replica of {workload}"
        case HangReplica(workload):
            return f"hang a replica of {workload}"
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
