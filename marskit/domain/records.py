"""What Execute did and what came of it, and the cycle that ties the phases together."""

from dataclasses import dataclass
from enum import StrEnum

from marskit.domain.actions import Action
from marskit.domain.diagnosis import Diagnosis
from marskit.domain.load import ClientCounts
from marskit.domain.observation import MeshCounts, Observation
from marskit.domain.plan import Plan


class Phase(StrEnum):
    """The phases of the loop; all of them use Knowledge, so it comes last."""

    MONITOR = "monitor"
    ANALYSE = "analyse"
    PLAN = "plan"
    EXECUTE = "execute"
    KNOWLEDGE = "knowledge"


class Mode(StrEnum):
    """What the loop may do without a person."""

    AUTO = "auto"
    RECOMMEND = "recommend"
    APPROVE = "approve"
    FREEZE = "freeze"


ALREADY_SO = "already so"
"""The reason of an execution that had nothing to change."""


class Outcome(StrEnum):
    """The result of an execution."""

    APPLIED = "applied"
    REJECTED = "rejected"
    UNKNOWN = "unknown"
    WITHHELD = "withheld"
    """Not written, because of the mode or a person's decision."""


class Origin(StrEnum):
    """Who requested an execution."""

    PLANNER = "planner"
    PERSON = "person"
    UNDO = "undo"
    GUARD = "guard"
    """The loop rolled back a plan that turned out worse than predicted."""


@dataclass(frozen=True, slots=True)
class Execution:
    """One executed action, with everything a person needs to repeat or undo it."""

    id: int
    """Number of the execution in its run, from 1."""
    origin: Origin
    action: Action
    command: str
    """The exact `kubectl` command a person would have typed."""
    diff: str
    """The unified diff of the manifest."""
    inverse: Action | None
    """The action that undoes it, recorded before the write; None if the action changed nothing."""
    inverse_command: str | None
    outcome: Outcome
    reason: str
    at_s: float
    generation: int | None = None
    pushed_after_ms: float | None = None
    """Time from the write to the proxy's acknowledgement."""
    effective_after_ms: float | None = None
    """Time from the write to the first request observed to be served by it; None if it outlasts the cycle."""
    undoes: int | None = None
    """The execution that this one takes back."""


@dataclass(frozen=True, slots=True)
class Effect:
    """The measured effect of an execution, over one window after it became effective."""

    execution: int
    service: str
    latency_p95_before_ms: float | None
    latency_p95_after_ms: float | None
    error_percent_before: float | None
    error_percent_after: float | None
    sentence: str
    latency_p95_predicted_ms: float | None = None
    """The prediction for the whole plan that the execution was part of; None without a prediction."""
    error_percent_predicted: float | None = None
    disturbed_by: str | None = None
    """What somebody else did in the time of the measurement, in one sentence; None if nothing."""


@dataclass(frozen=True, slots=True)
class Cycle:
    """One complete cycle of the loop."""

    id: int
    """Number of the cycle in its run, from 1."""
    started_at_s: float
    ended_at_s: float
    mode: Mode
    planner: str
    observation: Observation
    diagnosis: Diagnosis
    plan: Plan
    executions: tuple[Execution, ...]
    effects: tuple[Effect, ...]
    """Measured effects of earlier executions."""
    cpu_ms: float
    """Processor time of the controller's thread from Monitor to Execute, including telemetry."""
    entered: MeshCounts | None = None
    """The users' requests since the previous cycle, as the mesh counted them; None if not known."""
    client: ClientCounts | None = None
    """The same as their clients counted them."""
