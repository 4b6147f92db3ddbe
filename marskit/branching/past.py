"""The starting point of a branch: the state at a recorded cycle, and later events from outside."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from statistics import median
from typing import TypeGuard

from marskit.calibration.rerun import Change, as_change
from marskit.domain.commands import Act, Command, Inject, SetLoadFactor, SetScenario
from marskit.domain.events import Event, FaultEnded, FaultInjected, Observed, RunStarted, ScenarioChanged
from marskit.domain.load import LoadSample, LoadStatus
from marskit.domain.loop_events import Executed
from marskit.domain.records import Origin, Outcome
from marskit.domain.state import State
from marskit.replay.branchable import check_branchable, last_began_s
from marskit.replay.branched import ReplayError
from marskit.replay.timeline import Timeline

WARM_UP_S = 60.0
"""Seconds before the branch at which the twin begins, so that replicas are up and queues are filled."""
_SAME_FACTOR = 1e-6

Due = tuple[float, Command]
"""A command and its due time on the run's clock."""


@dataclass(frozen=True, slots=True)
class BranchPoint:
    """A cycle of a recorded run, and the run around it."""

    started: RunStarted
    cycle: int
    at_s: float
    """Start of the cycle."""
    last_s: float
    """Start of the last complete cycle of the recording."""
    state: State
    """State at the start of the cycle."""
    warm_s: float
    """When the twin begins, to be warm by then."""
    warm_state: State
    """State at `warm_s`."""
    changes: tuple[tuple[float, Change], ...]
    """Changes of the mesh between `warm_s` and the start of the cycle."""
    scenario: str
    load_begun_s: float
    """Start of that scenario's curve."""
    load_factor: float
    outside: tuple[Due, ...]
    """Events from outside after the start of the cycle: faults, and changes of the load."""
    actions: tuple[Due, ...]
    """Actions after the start of the cycle, from any origin."""
    by_persons: int
    """Number of those actions that a person requested."""


def past(timeline: Timeline, cycle: int) -> BranchPoint:
    """The run at the start of that cycle.

    Raises:
        ReplayError: The cycle does not exist, nothing follows it, or the recording does not determine the
            requests that arrived.
    """
    check_branchable(timeline, cycle)
    started, step, last_s = timeline.started, timeline.begin_of(cycle), last_began_s(timeline)
    assert started is not None
    assert step is not None
    assert last_s is not None
    # The cycle's first step is its first event: the state before it is the one to start from.
    at_s, state = timeline.times_s[step], timeline.state_at(step - 1)
    begun, factors = _load(timeline.events, started)
    calm_s = max(since_s for since_s in (*(b[0] for b in begun), *(f[0] for f in factors)) if since_s <= at_s)
    warm_step = max(timeline.step_at(max(calm_s, at_s - WARM_UP_S)), 1)
    warm_s = max(0.0, calm_s, at_s - WARM_UP_S)
    _, scenario, load_begun_s = [each for each in begun if each[0] <= at_s][-1]
    done = [event.execution for event in timeline.events[step:] if _is_applied(event)]
    return BranchPoint(
        started=started,
        cycle=cycle,
        at_s=at_s,
        last_s=last_s,
        state=state,
        warm_s=warm_s,
        warm_state=timeline.state_at(warm_step),
        changes=tuple(_changes(timeline.events[warm_step : step - 1])),
        scenario=scenario,
        load_begun_s=load_begun_s,
        load_factor=[factor for since_s, factor in factors if since_s <= at_s][-1],
        outside=tuple(
            sorted(
                (
                    *((each.at_s, Inject(as_change(each))) for each in _faults(timeline.events[step:])),
                    *((since_s, SetScenario(name)) for since_s, name, _ in begun if since_s > at_s),
                    *((since_s, SetLoadFactor(factor)) for since_s, factor in factors if since_s > at_s),
                ),
                key=lambda due: due[0],
            )
        ),
        actions=tuple((each.at_s, Act(each.action, each.origin)) for each in done),
        by_persons=sum(each.origin in (Origin.PERSON, Origin.UNDO) for each in done),
    )


def _load(
    events: Iterable[Event], started: RunStarted
) -> tuple[list[tuple[float, str, float]], list[tuple[float, float]]]:
    """The scenario with its start, and the factor with its start."""
    parts: list[tuple[float, str, float, list[LoadSample]]] = [
        (float("-inf"), started.scenario.name, started.scenario.speed, [])
    ]
    factors = [(float("-inf"), 1.0)]
    for event in events:
        match event:
            case ScenarioChanged(at_s, info):
                parts.append((at_s, info.name, info.speed, []))
            case Observed(observation) if observation.load is not None:
                load = observation.load
                if load.status is LoadStatus.RUNNING:
                    parts[-1][3].append(load)
                    if abs(load.factor - factors[-1][1]) > _SAME_FACTOR:
                        factors.append((load.at_s, load.factor))
            case _:
                pass
    if not any(samples for *_, samples in parts):
        raise ReplayError(f"Run {started.run} cannot be branched: no load ran in it.")
    begun = [
        (since_s, name, median(each.at_s - each.scenario_s / speed for each in samples))
        for since_s, name, speed, samples in parts
        if samples
    ]
    return [(float("-inf"), *begun[0][1:]), *begun[1:]], factors


def _changes(events: Iterable[Event]) -> Iterator[tuple[float, Change]]:
    for event in events:
        if isinstance(event, FaultInjected | FaultEnded):
            yield event.at_s, as_change(event)
        elif _is_applied(event):
            yield event.execution.at_s, event.execution.action


def _faults(events: Iterable[Event]) -> Iterator[FaultInjected | FaultEnded]:
    return (event for event in events if isinstance(event, FaultInjected | FaultEnded))


def _is_applied(event: Event) -> TypeGuard[Executed]:
    return isinstance(event, Executed) and event.execution.outcome is Outcome.APPLIED
