"""The upper bound: lookahead that knows the coming load."""

from collections.abc import Callable

import numpy as np

from marskit.agents.lookahead import Lookahead
from marskit.agents.situation import Situation
from marskit.domain.goals import Goals
from marskit.mesh.simulator.arrays import Floats
from marskit.mesh.simulator.model import TwinModel
from marskit.planning import PlanningView


class Oracle(Lookahead):
    """Reads the scenario's curve in advance, which other planners may not."""

    name = "oracle"
    summary = (
        "Looks ahead like `lookahead` but knows the coming load: an upper bound on the value of "
        "forecasts, not a fair competitor."
    )

    def __init__(
        self,
        model: TwinModel,
        goals: Goals,
        rate_at: Callable[[float], float],
        *,
        period_s: float,
        speed: float,
    ) -> None:
        super().__init__(model, goals, period_s=period_s, speed=speed)
        self._rate_at = rate_at
        self._speed = speed

    def forecast(self, situation: Situation, view: PlanningView) -> Floats:
        """(horizon + 1,) requests per second that the scenario will offer."""
        load = view.observation.load
        if load is None:
            return super().forecast(situation, view)
        now_s = load.scenario_s / self._speed
        times = now_s + self._period_s * np.arange(self._horizon + 1)
        return np.array([self._rate_at(at_s) * load.factor for at_s in times])
