"""A calibration card: the numbers of a twin that were fitted to recorded runs, and how far to trust them."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Fitted:
    """One fitted number."""

    value: float
    stderr: float
    """Standard error, in the unit of the value; training randomises within it."""
    n: int
    """How many windows it rests on."""


@dataclass(frozen=True, slots=True)
class StationFit:
    """What was fitted of one workload; None where the runs did not tell."""

    service_ms: Fitted | None = None
    service_cv: Fitted | None = None
    start_s: Fitted | None = None


@dataclass(frozen=True, slots=True)
class CallFit:
    """What was fitted of the calls from one source to one service; None where the runs did not tell."""

    per_request: Fitted | None = None
    hop_ms: Fitted | None = None


@dataclass(frozen=True, slots=True)
class HeldOut:
    """How well the calibrated twin repeats what it was not fitted to."""

    service: str
    n: int
    """Windows compared."""
    p50_error_percent: float
    """Median over the windows of |twin - recorded| / recorded, of the window's median latency."""
    p95_error_percent: float


@dataclass(frozen=True, slots=True)
class Card:
    """A whole calibration."""

    runs: tuple[str, ...]
    """The ids of the runs it was fitted to."""
    stations: dict[str, StationFit] = field(default_factory=dict)
    """By workload."""
    calls: dict[tuple[str, str], CallFit] = field(default_factory=dict)
    """By `(source, service)`."""
    held_out: tuple[HeldOut, ...] = ()
