"""The contract of planners, written by hand or learned, and of the services that they may use."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from marskit.domain.actions import Action
from marskit.domain.config import Configuration
from marskit.domain.diagnosis import Diagnosis, Severity
from marskit.domain.goals import Goals
from marskit.domain.observation import Observation
from marskit.domain.plan import Plan, Prediction
from marskit.domain.records import Cycle
from marskit.domain.similar import Similar
from marskit.domain.topology import Topology
from marskit.errors import UserError


@dataclass(frozen=True, slots=True)
class HeldCanary:
    """A canary that planners may not send traffic to, until a person does."""

    workload: str
    sentence: str
    """The finding against it."""


@dataclass(frozen=True, slots=True)
class PlanningView:
    """Everything a planner may read besides the diagnosis; planners cannot change it."""

    now_s: float
    """Real seconds on the run's clock."""
    speed: float
    """Scenario seconds per real second: Kubernetes' 15 s are `15 / speed` real seconds here."""
    topology: Topology
    configuration: Configuration
    goals: Goals
    observation: Observation
    """Monitor's observation in this cycle."""
    recent: tuple[Observation, ...]
    """Earlier observations, oldest first, about one a second."""
    cycles: tuple[Cycle, ...]
    """Earlier cycles, oldest first."""
    held: tuple[HeldCanary, ...] = ()
    """The canaries that the shield blocks for planners."""


class Planner(Protocol):
    """Decides on actions, given a diagnosis."""

    @property
    def name(self) -> str:
        """The name by which it is chosen."""
        ...

    @property
    def summary(self) -> str:
        """How it decides, in one sentence."""
        ...

    def reset(self, seed: int) -> None:
        """Forget everything; the same seed and views give the same plans."""
        ...

    def plan(self, diagnosis: Diagnosis, view: PlanningView) -> Plan:
        """A plan, whose `actions` and `shield` the shield fills in later."""
        ...


class PlannerFailed(UserError):
    """A planner returned no usable plan; one sentence says what it did, in which file and line."""


class Threaded:
    """A planner that may take more than a few milliseconds, so it is asked in a thread.

    A base class and not a protocol: it is checked several times a cycle, and checks of protocols are slow.
    """


NOT_REPRODUCIBLE = "reproducibility"
"""Subject of the notice that says why a run on the twin depended on the machine's speed."""


@dataclass(frozen=True, slots=True)
class News:
    """An event around a planner that the user should know about."""

    subject: str
    sentence: str
    severity: Severity = Severity.WARNING


class GuestPlanner(Threaded, ABC):
    """A user's planner, which may also analyse, and may hold processes that must be ended.

    `reset`, `plan` and `analyse` raise nothing but `PlannerFailed`, whatever the planner does.
    """

    name: str
    """The name by which it is chosen."""
    summary: str
    """How it decides, in one sentence."""
    analyses: bool
    """Whether it has an `analyse` of its own."""

    @abstractmethod
    def reset(self, seed: int) -> None:
        """See `Planner`."""

    @abstractmethod
    def plan(self, diagnosis: Diagnosis, view: PlanningView) -> Plan:
        """See `Planner`."""

    @abstractmethod
    def analyse(self, diagnosis: Diagnosis, view: PlanningView) -> Diagnosis:
        """The diagnosis to plan for, given the one from Analyse."""

    @abstractmethod
    def take_news(self) -> tuple[News, ...]:
        """Events since the last call."""

    @abstractmethod
    def close(self) -> None:
        """End its processes and wait until they are gone; idempotent, and callable from any thread."""


class Predictor(Protocol):
    """Predicts the outcome of actions."""

    @property
    def unavailable(self) -> str | None:
        """Why this mesh cannot be predicted, in one sentence; None if it can."""
        ...

    def reset(self) -> None:
        """Forget the observed loads."""
        ...

    def load(self) -> None:
        """Load what predictions need; takes a second or more, so it is called in a thread."""
        ...

    def predict(
        self, plans: Sequence[tuple[Action, ...]], service: str, view: PlanningView
    ) -> tuple[Prediction | None, ...]:
        """The prediction of each plan for `service`, which users call.

        None for a plan with actions that cannot be simulated, and for all plans before there is any load or
        before loading is done.
        """
        ...


class SituationLookup(Protocol):
    """Looks up situations of earlier runs."""

    def similar(self, diagnosis: Diagnosis, view: PlanningView) -> tuple[Similar, ...]:
        """The situations most similar to the present one, closest first; takes about a millisecond."""
        ...
