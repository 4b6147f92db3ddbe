"""Predictions for every planner: the twin simulates any actions from the present situation on."""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from marskit.domain.actions import Action, Scale, ShiftTraffic
from marskit.domain.goals import Goals
from marskit.domain.plan import Prediction
from marskit.errors import UserError
from marskit.planning import PlanningView

if TYPE_CHECKING:
    from marskit.agents.situation import Situation
    from marskit.agents.trial import JointAction
    from marskit.env.encoding import Encoding
    from marskit.mesh.simulator.model import TwinModel

MOST = 8
"""Largest number of plans simulated at once."""
_PROPORTIONAL = 1.5
"""Percentage points by which rounding may move the smaller destinations of a split."""


class TwinPredictor:
    """Simulates plans in the twin of the mesh, under the expected load.

    Nothing is imported before `load`: the first request should not wait for a compiler.
    """

    def __init__(
        self,
        model: "Callable[[], tuple[TwinModel, Mapping[str, float | None]]]",
        goals: Goals,
        *,
        period_s: float,
        speed: float,
    ) -> None:
        """Take the parts of the twin.

        Args:
            model: Makes the mesh's model, and its p95 error by service, in percent; raises
                UserError if the twin cannot simulate the mesh.
            goals: The SLOs and prices for the utility.
            period_s: Real seconds from one decision to the next.
            speed: Scenario seconds per real second.
        """
        self._model = model
        self._goals = goals
        self._period_s = period_s
        self._speed = speed
        self._twin: _Twin | None = None
        self._unavailable: str | None = None

    @property
    def unavailable(self) -> str | None:
        """Why the twin cannot model this mesh; None before `load`."""
        return self._unavailable

    def reset(self) -> None:
        """Forget the observed loads."""
        if self._twin is not None:
            self._twin.observer.reset()

    def load(self) -> None:
        """Make the twin and compile it; predictions are available from then on."""
        try:
            model, errors = self._model()
        except UserError as error:
            reason = str(error).rstrip(".")
            self._unavailable = f"Predictions are off: the twin cannot model this mesh: {reason}."
            return
        self._twin = _Twin(model, errors, self._goals, self._period_s, self._speed)

    def renew(self, model: "TwinModel", errors: Mapping[str, float | None]) -> None:
        """Continue with new parameters of the same mesh; the observed loads stay."""
        if self._twin is not None:
            former, self._twin = self._twin, _Twin(model, errors, self._goals, self._period_s, self._speed)
            self._twin.observer = former.observer

    def predict(
        self, plans: Sequence[tuple[Action, ...]], service: str, view: PlanningView
    ) -> tuple[Prediction | None, ...]:
        """The prediction for each plan; see the port."""
        none = (None,) * len(plans)
        # Checked before loading: on the twin, a run must not depend on how long loading took.
        if view.observation.window_s <= 0 or not any(e.requests_per_s > 0 for e in view.observation.edges):
            return none
        return none if self._twin is None else self._twin.predict(plans, service, view)


class _Twin:
    """The parts that exist once everything is loaded."""

    def __init__(
        self,
        model: "TwinModel",
        errors: Mapping[str, float | None],
        goals: Goals,
        period_s: float,
        speed: float,
    ) -> None:
        from marskit.agents.situation import Observer
        from marskit.agents.trial import Trial
        from marskit.env.encoding import encoding
        from marskit.mapek.plan.shield_rules import ShieldLimits

        self._encoding: Encoding = encoding(model, ShieldLimits(), period_scenario_s=period_s * speed)
        self._errors = errors
        self._period_s = period_s
        self._trial: Trial = Trial(self._encoding, goals, period_s=period_s, most=MOST)
        self._trial.warm_up()
        self.observer: Observer = Observer(self._encoding, period_s=period_s)

    def predict(
        self, plans: Sequence[tuple[Action, ...]], service: str, view: PlanningView
    ) -> tuple[Prediction | None, ...]:
        from marskit.agents.situation import HORIZON, forecast

        situation = self.observer.see(view)
        choices = [self._choice(actions, situation, view) for actions in plans]
        outcomes = self._trial.run(
            situation,
            view,
            forecast(situation, HORIZON),
            [choice for choice in choices if choice is not None],
            service=service,
        )
        found = [outcomes.get(choice) if choice is not None else None for choice in choices]
        return tuple(
            Prediction(
                horizon_s=HORIZON * self._period_s,
                service=service,
                requests_per_s=outcome.requests_per_s,
                latency_p95_ms=outcome.latency_p95_ms,
                slow_percent=outcome.slow_percent,
                error_percent=outcome.failed_percent,
                replicas=outcome.replicas,
                utility_per_s=outcome.utility_per_s,
                p95_tolerance_percent=self._errors.get(service),
            )
            if outcome is not None
            else None
            for outcome in found
        )

    def _choice(
        self, actions: tuple[Action, ...], situation: "Situation", view: PlanningView
    ) -> "JointAction | None":
        """The actions in the twin's form; None if one of them is unknown to it."""
        from marskit.agents.situation import current_shares
        from marskit.agents.trial import JointAction

        stations = self._encoding.model.stations
        replicas = {s.workload: view.configuration.replicas_of(s.workload) for s in stations}
        most = {s.workload: s.max_replicas for s in stations}
        shares = list(current_shares(self._encoding, situation))
        for action in actions:
            match action:
                case Scale(workload, wanted) if 0 <= wanted <= most.get(workload, -1):
                    replicas[workload] = wanted
                case ShiftTraffic():
                    found = self._share(action, situation)
                    if found is None:
                        return None
                    shares[found[0]] = found[1]
                case _:
                    return None
        return JointAction(tuple(replicas.values()), tuple(shares))

    def _share(self, action: ShiftTraffic, situation: "Situation") -> tuple[int, float] | None:
        """The split that it moves, and the new share of the first destination.

        None if the others would not keep their proportions, which a trial requires.
        """
        codes, wanted = self._encoding.codes, dict(action.weights_percent)
        for place, k in enumerate(codes.shifted):
            call = self._encoding.model.calls[k]
            if call.route != (action.virtual_service, action.route) or set(call.subsets) != set(wanted):
                continue
            first, last = codes.edge_from[k], codes.edge_from[k + 1]
            others = situation.weights[first + 1 : last, 0]
            left = 100.0 - wanted[call.subsets[0]]
            total = float(others.sum())
            for name, now in zip(call.subsets[1:], others, strict=True):
                kept = left * (now / total if total > 0 else 1.0 / len(others))
                if abs(wanted[name] - kept) > _PROPORTIONAL:
                    return None
            return place, wanted[call.subsets[0]] / 100.0
        return None
