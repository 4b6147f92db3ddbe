"""What Plan hands to Execute: what was considered, expected and proposed, and what the shield left of it."""

from dataclasses import dataclass

from marskit.domain.actions import Action
from marskit.domain.similar import Similar


@dataclass(frozen=True, slots=True)
class Prediction:
    """The twin's prediction for one set of actions; latency and shares are those of an effect's window."""

    horizon_s: float
    """Prediction horizon, in real seconds."""
    service: str
    """The users' service whose latency and errors are predicted."""
    requests_per_s: float
    """The expected load at that service."""
    latency_p95_ms: float | None
    """None if no request was expected to succeed."""
    slow_percent: float
    """Share of successes slower than the SLO's limit, in percent."""
    error_percent: float
    replicas: int
    """Total over all workloads."""
    utility_per_s: float
    """Mean over the whole horizon, by the prices of the goals."""
    p95_tolerance_percent: float | None = None
    """The median error of the twin's p95 on runs it was not fitted to; None if it was never validated on
    this mesh."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """One option that a planner considered."""

    actions: tuple[Action, ...]
    reason: str
    score: float | None = None
    """The planner's own score, higher is better; None if the planner does not score."""
    prediction: Prediction | None = None
    """None if the twin cannot predict it, or if there has been no load yet."""


@dataclass(frozen=True, slots=True)
class ShieldChange:
    """The shield's change to one proposed action, and the rule behind it."""

    rule: str
    proposed: Action
    allowed: Action | None
    """The action that remains; None if it was dropped."""
    sentence: str


@dataclass(frozen=True, slots=True)
class Draft:
    """What executing one action of a plan would do, worked out before anybody approves it."""

    action: Action
    command: str
    """The exact `kubectl` command a person would type."""
    diff: str
    """The unified diff of the manifest."""
    inverse_command: str | None
    """The command that takes it back."""


@dataclass(frozen=True, slots=True)
class Plan:
    """A planner's choice and its reason, and the actions that passed the shield."""

    planner: str
    candidates: tuple[Candidate, ...]
    proposed: tuple[Action, ...]
    reason: str
    actions: tuple[Action, ...] = ()
    """The actions that may be executed: `proposed` after the shield."""
    shield: tuple[ShieldChange, ...] = ()
    prediction: Prediction | None = None
    """The prediction for `actions` together."""
    nothing: Prediction | None = None
    """The prediction for doing nothing instead."""
    failure: str | None = None
    """Why the planner gave no usable plan, in one sentence; None if it did or was not asked."""
    similar: tuple[Similar, ...] = ()
    """The most similar situations of earlier runs, for information; planners do not use them."""
