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
class Renewal:
    """Where a card's newest numbers come from: a mesh that had become another than the former card's."""

    run: str
    first_cycle: int
    last_cycle: int
    windows: int
    """That were fitted to or foretold."""
    drifted: str
    """The service that showed it."""
    error_before_percent: float
    """How far the former card's p95 was off on windows that the new one was not fitted to: the mean over the
    services of their median errors, by the fast engine."""
    error_after_percent: float


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
    version: int = 1
    """Counts the recalibrations."""
    renewal: Renewal | None = None
    """The last one; None of a card that was fitted at once."""
    crowding: Fitted | None = None
    """See `TwinModel.crowding`; None where the runs did not tell."""
