"""A calibration card: the twin's numbers fitted to recorded runs, and their accuracy."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Fitted:
    """One fitted number."""

    value: float
    stderr: float
    """Standard error, in the unit of the value; training randomises within it."""
    n: int
    """Number of windows that it rests on."""


@dataclass(frozen=True, slots=True)
class StationFit:
    """The fit of one workload; None where the runs do not determine a number."""

    service_ms: Fitted | None = None
    service_cv: Fitted | None = None
    start_s: Fitted | None = None


@dataclass(frozen=True, slots=True)
class CallFit:
    """The fit of the calls from one source to one service; None where the runs do not determine it."""

    per_request: Fitted | None = None
    hop_ms: Fitted | None = None


@dataclass(frozen=True, slots=True)
class HeldOut:
    """The accuracy of the calibrated twin on windows that it was not fitted to."""

    service: str
    n: int
    """Number of windows compared."""
    p50_error_percent: float
    """Median over the windows of |twin - recorded| / recorded, of the window's median latency."""
    p95_error_percent: float


@dataclass(frozen=True, slots=True)
class Renewal:
    """The origin of a card's newest numbers: a mesh that had drifted from the former card."""

    run: str
    first_cycle: int
    last_cycle: int
    windows: int
    """Number of windows used for fitting and validation."""
    drifted: str
    """The service that showed the drift."""
    error_before_percent: float
    """p95 error of the former card on windows that the new one was not fitted to: the mean over the services
    of their median errors, by the fast engine."""
    error_after_percent: float


@dataclass(frozen=True, slots=True)
class Edit:
    """A number of the manifests that has changed since the card was fitted."""

    workload: str
    service: str
    variable: str
    """The variable of the manifests: `SERVICE_TIME_MS` or `SERVICE_TIME_CV`."""
    then: float
    now: float


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
    """Number of recalibrations plus 1."""
    renewal: Renewal | None = None
    """The last recalibration; None for a card from a full calibration."""
    crowding: Fitted | None = None
    """See `TwinModel.crowding`; None if the runs do not determine it."""
    edits: tuple[Edit, ...] = ()
    """What changed in the manifests since; known for a card that was read from a file."""
