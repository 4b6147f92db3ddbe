"""Planning by simulation: the fast twin simulates candidate actions side by side; the best is chosen.

A receding horizon with a coordinate search: first all workloads together at several target utilisations, then
the best of these with one workload or one split changed. Every candidate is held over the horizon, because
the next decision comes before its end.
"""

import numpy as np

from marskit.agents.situation import HORIZON, Observer, Situation, current_shares, forecast, scalings, shift
from marskit.agents.trial import JointAction, Trial, TrialOutcome
from marskit.domain.actions import Action
from marskit.domain.diagnosis import Diagnosis
from marskit.domain.goals import Goals
from marskit.domain.plan import Candidate, Plan
from marskit.env.encoding import PER_RAW, RATE, READY, STATIONS, demand, encoding, renewed
from marskit.mapek.plan.shield_rules import ShieldLimits
from marskit.mesh.simulator.arrays import Floats
from marskit.mesh.simulator.model import TwinModel
from marskit.planning import PlanningView, Threaded

TARGETS = (0.45, 0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9)
STEPS = (-2, -1, 1, 2)
SHIFTS = (-0.5, -0.1, 0.1, 0.5)
SHOWN = 6
"""Number of candidates to report, the best first."""


class Lookahead(Threaded):
    """Simulates possible actions, and takes the one with the best utility."""

    name = "lookahead"
    summary = (
        "Simulates joint actions in the twin over the next periods, under the forecast load, and "
        "takes the one with the highest utility."
    )

    def __init__(
        self, model: TwinModel, goals: Goals, *, period_s: float, speed: float, horizon: int = HORIZON
    ) -> None:
        self._encoding = encoding(model, ShieldLimits(), period_scenario_s=period_s * speed)
        self._observer = Observer(self._encoding, period_s=period_s)
        self._horizon = horizon
        self._goals = goals
        self._period_s = period_s
        self._trial = Trial(self._encoding, goals, period_s=period_s)

    def reset(self, seed: int) -> None:
        """Forget earlier loads; the seed is unused, because the twin's fast engine is deterministic."""
        self._observer.reset()

    def renew(self, model: TwinModel) -> None:
        """Continue with new parameters of the same mesh; the observed loads stay."""
        self._encoding = renewed(self._encoding, model)
        self._trial = Trial(self._encoding, self._goals, period_s=self._period_s)

    def plan(self, diagnosis: Diagnosis, view: PlanningView) -> Plan:
        """The best joint action found, with predictions for the others."""
        situation = self._observer.see(view)
        if view.observation.window_s <= 0 or situation.raw[RATE, 0] <= 0:
            reason = "Do nothing: there has been no load yet."
            return Plan(self.name, (Candidate((), reason),), (), reason)
        rates = self.forecast(situation, view)
        now = self._now(situation, view)
        tried = self._trial.run(situation, view, rates, [now, *self._together(situation, now)])
        best = max(tried, key=lambda choice: tried[choice].score)
        tried |= self._trial.run(situation, view, rates, self._around(best, situation, now))
        best = max(tried, key=lambda choice: tried[choice].score)
        nothing = tried[now]
        shown = sorted(tried, key=lambda choice: -tried[choice].score)[:SHOWN]
        candidates = tuple(
            self._candidate(choice, tried[choice], situation, view) for choice in dict.fromkeys([*shown, now])
        )
        actions = self._actions(best, situation, view)
        what = "this one has the highest predicted utility after penalties for SLO violations"
        if not actions:
            what = "none is predicted to be better than doing nothing"
        reason = (
            f"Of {len(tried)} joint actions {what}: {_effect(tried[best])}, "
            f"compared with {_effect(nothing)} for doing nothing. "
            f"Expected load: {_course(rates)} requests per second."
        )
        return Plan(self.name, candidates, actions, reason)

    def forecast(self, situation: Situation, view: PlanningView) -> Floats:
        """(horizon + 1,) requests per second from now on."""
        return forecast(situation, self._horizon)

    def _now(self, situation: Situation, view: PlanningView) -> JointAction:
        return JointAction(
            tuple(view.configuration.replicas_of(s.workload) for s in self._encoding.model.stations),
            current_shares(self._encoding, situation),
        )

    def _together(self, situation: Situation, now: JointAction) -> list[JointAction]:
        """All workloads at one target utilisation."""
        codes = self._encoding.codes
        busy = np.zeros(len(now.replicas))
        demand(codes, float(situation.raw[RATE, 0]), situation.weights, 0, busy)
        wanted = [np.clip(np.ceil(busy / target), codes.least, codes.most) for target in TARGETS]
        return [JointAction(tuple(int(n) for n in each), now.shares) for each in wanted]

    def _around(self, best: JointAction, situation: Situation, now: JointAction) -> list[JointAction]:
        """The best with one workload or one split changed, and with one workload left as it is."""
        codes, found = self._encoding.codes, []
        for w, count in enumerate(best.replicas):
            for other in (*(count + step for step in STEPS), now.replicas[w]):
                if codes.least[w] <= other <= codes.most[w]:
                    found.append(
                        JointAction((*best.replicas[:w], other, *best.replicas[w + 1 :]), best.shares)
                    )
        for n, share in enumerate(best.shares):
            for step in SHIFTS:
                moved = round(min(1.0, max(0.0, share + step)), 2)
                if self._is_ready(n, 0 if moved > share else 1, situation):
                    shares = (*best.shares[:n], moved, *best.shares[n + 1 :])
                    found.append(JointAction(best.replicas, shares))
        return found

    def _is_ready(self, n: int, gains: int, situation: Situation) -> bool:
        codes = self._encoding.codes
        edge = codes.edge_from[codes.shifted[n]] + gains
        return bool(situation.raw[STATIONS + PER_RAW * codes.edge_to[edge] + READY, 0] > 0)

    def _actions(self, choice: JointAction, situation: Situation, view: PlanningView) -> tuple[Action, ...]:
        codes = self._encoding.codes
        shifts = [
            shift(self._encoding, int(k), situation.weights, share)
            for k, share in zip(codes.shifted, choice.shares, strict=True)
            if abs(share - float(situation.weights[codes.edge_from[k], 0])) >= 0.005
        ]
        return (*shifts, *scalings(self._encoding, view, np.array(choice.replicas, float)))

    def _candidate(
        self, choice: JointAction, outcome: TrialOutcome, situation: Situation, view: PlanningView
    ) -> Candidate:
        actions = self._actions(choice, situation, view)
        words = "Predicted" if actions else "Do nothing; predicted"
        return Candidate(actions, f"{words}: {_effect(outcome)}.", round(outcome.score, 2))


def _course(rates: Floats) -> str:
    first, last = f"{rates[0]:.0f}", f"{rates[-1]:.0f}"
    return first if first == last else f"{first} to {last}"


def _effect(outcome: TrialOutcome) -> str:
    p95 = f"p95 {outcome.latency_p95_ms:.0f} ms, " if outcome.latency_p95_ms is not None else ""
    return (
        f"{p95}{outcome.slow_percent:.1f} % slow, {outcome.failed_percent:.1f} % failed, "
        f"{outcome.replicas} replicas, utility {outcome.utility_per_s:.1f}"
    )
