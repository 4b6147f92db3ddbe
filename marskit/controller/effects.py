"""Reads what executions did, one window after they became effective."""

from collections.abc import Callable

from marskit.domain.config import Configuration
from marskit.domain.goals import Goals
from marskit.domain.records import Effect, Execution, Observation
from marskit.domain.topology import Topology
from marskit.mapek.effect import PendingEffect, effect, pending_effect


class Effects:
    """The executions whose effect is still to be read."""

    def __init__(self, topology: Topology, goals: Goals, window_s: float) -> None:
        self._topology = topology
        self._goals = goals
        self._window_s = window_s
        self._pending: list[PendingEffect] = []

    def watch(self, execution: Execution, before: Observation) -> None:
        """Read the effect of `execution` later; `before` is what was seen when it was decided."""
        pending = pending_effect(execution, before)
        if pending is not None:
            self._pending.append(pending)

    def due(
        self, now_s: float, configuration: Configuration, observe_since: Callable[[float], Observation]
    ) -> tuple[Effect, ...]:
        """The effects that a whole window has shown by now; each is told once."""
        ripe = [p for p in self._pending if p.effective_at_s + self._window_s <= now_s]
        self._pending = [p for p in self._pending if p not in ripe]
        return tuple(
            effect(
                pending,
                observe_since(pending.effective_at_s),
                topology=self._topology,
                goals=self._goals,
                configuration=configuration,
            )
            for pending in ripe
        )
