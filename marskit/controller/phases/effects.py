"""Measures the effects of executions, one window after they became effective."""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace

from marskit.domain.config import Configuration
from marskit.domain.events import ConfigurationChanged, Event
from marskit.domain.goals import Goals
from marskit.domain.observation import Observation
from marskit.domain.plan import Prediction
from marskit.domain.records import Effect, Execution
from marskit.domain.topology import Topology
from marskit.mapek.execute.effect import PendingEffect, effect, pending_effect

REMEMBERED = 50
"""Number of changes by others that are remembered."""


@dataclass(frozen=True, slots=True)
class ReadEffect:
    """An effect, and the observation it was read from."""

    effect: Effect
    after: Observation


class Effects:
    """The executions whose effects are still to be measured."""

    def __init__(self, topology: Topology, goals: Goals, window_s: float) -> None:
        self._topology = topology
        self._goals = goals
        self._window_s = window_s
        self._pending: list[PendingEffect] = []
        self._by_others: deque[ConfigurationChanged] = deque(maxlen=REMEMBERED)

    def note(self, event: Event) -> None:
        """Take an event: what others change disturbs what is being measured."""
        if isinstance(event, ConfigurationChanged):
            self._by_others.append(event)

    def watch(self, execution: Execution, before: Observation, prediction: Prediction | None) -> None:
        """Measure the effect of `execution` later; `before` is the observation it was decided on."""
        pending = pending_effect(execution, before, prediction)
        if pending is not None:
            self._pending.append(pending)

    def due(
        self, now_s: float, configuration: Configuration, observe_since: Callable[[float], Observation]
    ) -> tuple[ReadEffect, ...]:
        """The effects that now have a full window; each is returned once."""
        ripe = [p for p in self._pending if p.effective_at_s + self._window_s <= now_s]
        self._pending = [p for p in self._pending if p not in ripe]
        return tuple(
            self._read(pending, observe_since(pending.effective_at_s), configuration) for pending in ripe
        )

    def _read(self, pending: PendingEffect, after: Observation, configuration: Configuration) -> ReadEffect:
        found = effect(
            pending, after, topology=self._topology, goals=self._goals, configuration=configuration
        )
        since_s = pending.before.at_s - pending.before.window_s
        other = next((each for each in self._by_others if each.at_s >= since_s), None)
        if other is not None:
            remark = "The configuration was changed by others meanwhile, so the action is not the only cause."
            found = replace(found, sentence=f"{found.sentence} {remark}", disturbed_by=other.sentence)
        return ReadEffect(found, after)
