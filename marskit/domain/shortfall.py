"""What a run did not do of what it was asked."""

from dataclasses import dataclass
from enum import StrEnum


class ShortfallKind(StrEnum):
    """The ways in which a run can fall short."""

    FAILED = "failed"
    """It ended with an error."""
    CUT = "cut"
    """It ended before all cycles were done."""
    STARVED = "starved"
    """Requests were due, and none were sent."""
    UNSERVED = "unserved"
    """Requests were sent, and none succeeded."""
    LOAD_LOST = "load lost"
    """The load generator ended; its requests were not sent until it ran again."""
    TELEMETRY_LOST = "telemetry lost"
    NOT_RECORDED = "not recorded"
    PLANNER_FAILED = "planner failed"


@dataclass(frozen=True, slots=True)
class Shortfall:
    """One way in which a run fell short."""

    kind: ShortfallKind
    sentence: str
