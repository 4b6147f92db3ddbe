"""What a planner is: the contract that students, baselines and learned policies all meet; and what-ifs."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from marskit.domain.actions import Action
from marskit.domain.config import Configuration
from marskit.domain.goals import Goals
from marskit.domain.records import Cycle, Diagnosis, Observation, Plan, Prediction, Severity
from marskit.domain.similar import Similar
from marskit.domain.topology import Topology
from marskit.errors import UserError


@dataclass(frozen=True, slots=True)
class HeldCanary:
    """A canary that is to get no traffic, until a person gives it some."""

    workload: str
    sentence: str
    """What was found against it."""


@dataclass(frozen=True, slots=True)
class PlanningView:
    """Everything a planner may look at besides the diagnosis; nothing here can be changed by it."""

    now_s: float
    """Real seconds on the run's clock."""
    speed: float
    """Scenario seconds per real second: Kubernetes' 15 s are `15 / speed` real seconds here."""
    topology: Topology
    configuration: Configuration
    goals: Goals
    observation: Observation
    """What Monitor saw in this cycle."""
    recent: tuple[Observation, ...]
    """Earlier observations, oldest first, about one a second."""
    cycles: tuple[Cycle, ...]
    """Earlier cycles, oldest first."""
    held: tuple[HeldCanary, ...] = ()
    """The canaries that the shield lets no planner give traffic to."""


class Planner(Protocol):
    """Decides what to do about a diagnosis."""

    @property
    def name(self) -> str:
        """The name it is chosen by."""
        ...

    @property
    def summary(self) -> str:
        """One sentence on how it decides."""
        ...

    def reset(self, seed: int) -> None:
        """Forget everything; the same seed and views give the same plans."""
        ...

    def plan(self, diagnosis: Diagnosis, view: PlanningView) -> Plan:
        """A plan, whose `actions` and `shield` the shield fills in later."""
        ...


class PlannerFailed(UserError):
    """A planner gave no plan that can be used; one sentence says what it did, and in which file and line."""


@runtime_checkable
class Threaded(Protocol):
    """A planner that may take more than a few milliseconds, so it is asked in a thread."""

    @property
    def in_thread(self) -> bool:
        """Whether it is; always true."""
        ...


NOT_REPRODUCIBLE = "reproducibility"
"""The subject of the notice that says why a run of the twin depends on how fast the machine was."""


@dataclass(frozen=True, slots=True)
class News:
    """Something about a planner that a person should know, besides its plans."""

    subject: str
    sentence: str
    severity: Severity = Severity.WARNING


@runtime_checkable
class GuestPlanner(Planner, Threaded, Protocol):
    """A planner of somebody else: it may also analyse, and holds a process or more that must be ended.

    `reset`, `plan` and `analyse` raise `PlannerFailed`, whatever the planner does.
    """

    @property
    def analyses(self) -> bool:
        """Whether it has something to say about what Analyse found."""
        ...

    def analyse(self, diagnosis: Diagnosis, view: PlanningView) -> Diagnosis:
        """The diagnosis to plan for, made of the one that Analyse came to."""
        ...

    def take_news(self) -> tuple[News, ...]:
        """What happened since this was last asked."""
        ...

    def close(self) -> None:
        """End everything it runs in; returns when that is gone. Idempotent, and for any thread."""
        ...


class Preview(Protocol):
    """Tells what would come of actions, whoever thought of them."""

    @property
    def unavailable(self) -> str | None:
        """One sentence on why nothing can be predicted for this mesh; None if it can."""
        ...

    def reset(self) -> None:
        """Forget the loads that were seen."""
        ...

    def load(self) -> None:
        """Load what predicting needs; takes a second or more, so it is called in a thread."""
        ...

    def predict(
        self, plans: Sequence[tuple[Action, ...]], service: str, view: PlanningView
    ) -> tuple[Prediction | None, ...]:
        """What is expected of each plan for `service`, which users call.

        None for a plan with actions that cannot be simulated, and for all while nothing has come in yet or
        not everything is loaded.
        """
        ...


class Past(Protocol):
    """Remembers the situations of earlier runs."""

    def similar(self, diagnosis: Diagnosis, view: PlanningView) -> tuple[Similar, ...]:
        """Those that are most like the one of now, the nearest first; takes about a millisecond."""
        ...
