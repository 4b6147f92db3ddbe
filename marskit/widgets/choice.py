"""What a person has selected in one dashboard."""

from dataclasses import dataclass

from marskit.domain.records import Phase
from marskit.domain.state import State
from marskit.domain.topology import GATEWAY
from marskit.views.review import is_waiting
from marskit.views.topology import topology_view


@dataclass(slots=True)
class Choice:
    """The selected node and phase; the panels of one dashboard share it."""

    node: str | None = None
    phase: Phase | None = None
    """None follows the loop."""
    put_away: tuple[int, int] | None = None
    """Cycle and revision of the plan whose review a person closed."""

    @property
    def workload(self) -> str | None:
        """The selected workload, unless the gateway is selected."""
        return None if self.node == GATEWAY else self.node

    def node_in(self, state: State) -> str | None:
        """The selected node, or the first that the gateway calls."""
        if self.node is None:
            layers = topology_view(state).layers
            if layers[1:] and layers[1]:
                self.node = layers[1][0].name
        return self.node

    def phase_in(self, state: State) -> Phase:
        """The selected phase; without one, the phase that a step reached, and Analyse while the loop runs."""
        if self.phase is not None:
            return self.phase
        if state.cycle is None or state.running:
            return Phase.ANALYSE
        return state.cycle.phase

    def reviews(self, state: State) -> bool:
        """Whether the plan that awaits approval is shown in place of the phase."""
        return is_waiting(state) and self.plan_of(state) != self.put_away

    def plan_of(self, state: State) -> tuple[int, int] | None:
        """Cycle and revision of the plan of the present cycle."""
        return (state.cycle.id, state.cycle.revision) if state.cycle is not None else None
