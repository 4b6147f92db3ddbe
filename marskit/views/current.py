"""The newest findings: of the cycle under way if it has got that far, else of the previous one."""

from marskit.domain.diagnosis import Diagnosis
from marskit.domain.records import Effect, Execution, Origin, Phase
from marskit.domain.state import State

OURS = (Origin.PLANNER, Origin.GUARD)
"""Origins that belong to the loop itself rather than to a person."""


def diagnosis_of(state: State) -> Diagnosis | None:
    """The newest diagnosis, or None before the first."""
    if state.cycle is not None and state.cycle.diagnosis is not None:
        return state.cycle.diagnosis
    return state.cycles[-1].diagnosis if state.cycles else None


def executions_of(state: State) -> tuple[Execution, ...]:
    """The loop's own executions in the cycle under way, so far."""
    cycle = state.cycle
    if cycle is None or cycle.observation is None or cycle.phase not in (Phase.EXECUTE, Phase.KNOWLEDGE):
        return ()
    if state.cycles and state.cycles[-1].id == cycle.id:
        return tuple(e for e in state.cycles[-1].executions if e.origin in OURS)
    since_s = cycle.observation.at_s
    return tuple(e for e in state.executions if e.origin in OURS and e.at_s >= since_s)


def effect_of(state: State, execution: int) -> Effect | None:
    """The effect of that execution, once it has been measured."""
    effects = (effect for cycle in state.cycles for effect in cycle.effects)
    return next((effect for effect in effects if effect.execution == execution), None)


def entry_service(state: State) -> str | None:
    """The service that users reach first: the plots show it unless another is selected."""
    if state.started is None:
        return None
    topology = state.started.topology
    calls = [
        edge.service for edge in topology.edges if edge.source not in {w.name for w in topology.workloads}
    ]
    return calls[0] if calls else next((service.name for service in topology.services), None)
