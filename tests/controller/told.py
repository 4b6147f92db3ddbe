"""What the tests of whole runs keep of one."""

from dataclasses import dataclass, field

from marskit.domain.events import Event
from marskit.domain.loop_events import CycleCompleted
from marskit.domain.records import Cycle, Execution, Origin


@dataclass
class Told:
    """Everything that came of a run."""

    cycles: list[Cycle] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)

    def tell(self, event: Event) -> None:
        self.events.append(event)
        if isinstance(event, CycleCompleted):
            self.cycles.append(event.cycle)

    @property
    def executions(self) -> list[Execution]:
        return [execution for cycle in self.cycles for execution in cycle.executions]

    def by_guard(self) -> list[Execution]:
        return [execution for execution in self.executions if execution.origin is Origin.GUARD]
