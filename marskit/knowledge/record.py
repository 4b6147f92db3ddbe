"""The record of one cycle, and the headline figures over a run's cycles."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

from marskit.domain.events import Event, RunEnded, RunStarted, ScenarioChanged, ScenarioInfo
from marskit.domain.loop_events import CycleCompleted
from marskit.domain.records import Cycle, Outcome
from marskit.domain.topology import GATEWAY
from marskit.knowledge.port import Incident
from marskit.text import total


@dataclass(frozen=True, slots=True)
class Record:
    """Everything that is stored about one cycle."""

    cycle: Cycle
    incidents: tuple[Incident, ...]
    """Events since the previous cycle."""
    scenario: str
    """The scenario in force."""
    speed: float
    """Scenario seconds per real second."""
    covers_s: float
    """Real seconds since the previous cycle began: the time that the cycle's observation counts for."""

    @property
    def slo_met(self) -> bool | None:
        """Whether every SLO that could be judged was met."""
        return self.cycle.diagnosis.slo_met

    @property
    def failed_requests(self) -> float:
        """Number of the users' requests that failed in that time, for their clients where those count."""
        return self.mesh_failures if self.cycle.client is None else float(self.cycle.client.failed)

    @property
    def mesh_failures(self) -> float:
        """The same as the mesh saw it."""
        if self.cycle.entered is not None:
            return float(self.cycle.entered.failures)
        edges = self.cycle.observation.edges
        return sum(e.failures_per_s for e in edges if e.edge.source == GATEWAY) * self.covers_s

    @property
    def replicas_ready(self) -> int | None:
        """Total of ready replicas, which are paid for; None if not known."""
        return total(workload.replicas_ready for workload in self.cycle.observation.workloads)

    @property
    def actions(self) -> int:
        """Number of actions that were applied."""
        return sum(execution.outcome is Outcome.APPLIED for execution in self.cycle.executions)


class Recorder:
    """Makes a run's records from its events."""

    def __init__(self) -> None:
        self._scenario: ScenarioInfo | None = None
        self._incidents: list[Incident] = []
        self._last_started_s: float | None = None

    def note(self, event: Event) -> Record | None:
        """Take the next event; returns the record of the cycle that it completes, if any."""
        match event:
            case RunStarted(scenario=scenario):
                self._scenario = scenario
            case CycleCompleted(cycle) if self._scenario is not None:
                incidents, self._incidents = tuple(self._incidents), []
                covers_s = covered_s(cycle, self._last_started_s)
                self._last_started_s = cycle.started_at_s
                return Record(cycle, incidents, self._scenario.name, self._scenario.speed, covers_s)
            case _ if isinstance(event, Incident):
                self._incidents.append(event)
                if isinstance(event, ScenarioChanged):
                    self._scenario = event.scenario
            case _:
                pass
        return None


class RunRecords:
    """What is kept of a whole run, as its events come."""

    def __init__(self) -> None:
        self.started: RunStarted | None = None
        self.records: list[Record] = []
        """Of every completed cycle."""
        self.ended: RunEnded | None = None
        self._recorder = Recorder()

    @property
    def cycles(self) -> list[Cycle]:
        """The completed cycles."""
        return [record.cycle for record in self.records]

    def note(self, event: Event) -> None:
        """Take the next event."""
        if (record := self._recorder.note(event)) is not None:
            self.records.append(record)
        match event:
            case RunStarted():
                self.started = event
            case RunEnded():
                self.ended = event
            case _:
                pass


def covered_s(cycle: Cycle, before_s: float | None) -> float:
    """Real seconds that a cycle counts for; `before_s` is the start of the previous one, if any."""
    return cycle.observation.window_s if before_s is None else cycle.started_at_s - before_s


@dataclass(frozen=True, slots=True)
class Figures:
    """The headline figures of a run, always shown together."""

    cycles: int
    duration_s: float
    """Real seconds that the cycles count for."""
    violation_minutes: float
    """Scenario minutes in which an SLO was violated."""
    violation_real_s: float
    """The same in real seconds."""
    replica_minutes: float
    """Scenario minutes of ready replicas, all workloads together, as far as they are known."""
    failed_requests: int
    """As their clients saw it, where those are asked."""
    mesh_failures: int
    """As the mesh saw it."""
    actions: int


class Countable(Protocol):
    """Anything with the columns that figures are counted from: a record, or a row."""

    @property
    def speed(self) -> float: ...  # noqa: D102 # as in Record
    @property
    def covers_s(self) -> float: ...  # noqa: D102 # as in Record
    @property
    def slo_met(self) -> bool | None: ...  # noqa: D102 # as in Record
    @property
    def failed_requests(self) -> float: ...  # noqa: D102 # as in Record
    @property
    def mesh_failures(self) -> float: ...  # noqa: D102 # as in Record
    @property
    def replicas_ready(self) -> int | None: ...  # noqa: D102 # as in Record
    @property
    def actions(self) -> int: ...  # noqa: D102 # as in Record


def figures(cycles: Iterable[Countable]) -> Figures:
    """The headline figures of these cycles."""
    cycles = tuple(cycles)
    violated = [cycle for cycle in cycles if cycle.slo_met is False]
    return Figures(
        cycles=len(cycles),
        duration_s=sum(c.covers_s for c in cycles),
        violation_minutes=sum(c.covers_s * c.speed for c in violated) / 60.0,
        violation_real_s=sum(c.covers_s for c in violated),
        replica_minutes=sum((c.replicas_ready or 0) * c.covers_s * c.speed for c in cycles) / 60.0,
        failed_requests=round(sum(c.failed_requests for c in cycles)),
        mesh_failures=round(sum(c.mesh_failures for c in cycles)),
        actions=sum(c.actions for c in cycles),
    )
