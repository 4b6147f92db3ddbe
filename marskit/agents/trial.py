"""What would come of joint actions: the situation put into the fast twin, once for every candidate."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import isnan

import numpy as np

from marskit.agents.situation import Situation
from marskit.domain.goals import Goals
from marskit.domain.records import Observation
from marskit.env.encoding import BUSY, PER_RAW, QUEUED, READY, STATIONS, Encoding
from marskit.mesh.simulator.arrays import Floats, Whole
from marskit.mesh.simulator.fluid import Fluid
from marskit.mesh.simulator.latency import quantile_s, slow
from marskit.planning import PlanningView

TICKS = 10
MOST = 64
"""Candidates simulated at once."""
BREACH_PRICE = 0.5
"""What a period in which the objective is missed costs, as a share of the load."""
_SLOWED = 1.25
"""A service time above so many times the model's is taken as real."""


@dataclass(frozen=True, slots=True)
class Choice:
    """One joint action."""

    replicas: tuple[int, ...]
    """Of every station, in the model's order."""
    shares: tuple[float, ...]
    """Of the first destination of every split."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the twin expects of one joint action over the horizon."""

    score: float
    """Utility per second, less the price of missing the objective."""
    utility_per_s: float
    latency_p95_ms: float | None
    slow_percent: float
    failed_percent: float
    replicas: int


class Trial:
    """Simulates joint actions from a situation on; as many at once as there are."""

    def __init__(self, encoding: Encoding, goals: Goals, *, period_s: float) -> None:
        self._encoding = encoding
        self._goals = goals
        self._period_s = period_s
        self._fluid = Fluid(encoding.model, goals, MOST, tick_s=period_s / TICKS)
        self._allowed = min((1.0 - slo.quantile for slo in goals.slos), default=0.05)

    def run(
        self, situation: Situation, view: PlanningView, rates: Floats, choices: Sequence[Choice]
    ) -> dict[Choice, Outcome]:
        """The outcome of every choice when the load follows (H + 1,) `rates`."""
        distinct = list(dict.fromkeys(choices))[:MOST]
        self._put(situation, view)
        before = self._fluid.desired[:, 0].copy()
        for i, choice in enumerate(distinct):
            for w, count in enumerate(choice.replicas):
                if count != before[w]:
                    self._fluid.scale(w, i, count)
            self._shift(situation, choice.shares, i)
        return self._follow(rates, distinct, before)

    def _put(self, situation: Situation, view: PlanningView) -> None:
        """Put all meshes into the situation."""
        fluid, raw = self._fluid, situation.raw
        fluid.reset()
        fluid.weights[:] = situation.weights
        for w, station in enumerate(self._encoding.model.stations):
            row = STATIONS + PER_RAW * w
            ready = round(raw[row + READY, 0])
            desired = view.configuration.replicas_of(station.workload)
            fluid.desired[w] = desired
            fluid.state.ready[w] = min(ready, desired)
            for i in range(fluid.n if desired > ready else 0):
                fluid.state.starting[w, (fluid.tick + 2) % fluid.depth, i] = desired - ready
            fluid.state.inside[w] = raw[row + QUEUED, 0] + raw[row + BUSY, 0] * ready * station.workers
            fluid.state.slowdown[w], fluid.state.errors[w] = self._broken(w, view.observation)

    def _broken(self, w: int, observation: Observation) -> tuple[float, float]:
        """How much slower than the model the station serves, and the share of its answers that are errors."""
        station = self._encoding.model.stations[w]
        state = observation.workload(station.workload)
        if not state.utilisation or state.utilisation > 0.9 or state.requests_per_s < 2.0:
            return 1.0, 0.0
        service_s = state.utilisation * state.replicas_ready * station.workers / state.requests_per_s
        slowdown = max(1.0, 1000.0 * service_s / station.service_ms)
        into = [edge for edge in observation.edges if edge.edge.workload == station.workload]
        failed = sum(edge.failures_per_s for edge in into) / max(sum(e.requests_per_s for e in into), 1e-9)
        is_leaf = not self._encoding.model.calls_of(station.workload)
        return (slowdown if slowdown > _SLOWED else 1.0), (min(1.0, failed) if is_leaf else 0.0)

    def _shift(self, situation: Situation, shares: Sequence[float], i: int) -> None:
        codes = self._encoding.codes
        for k, share in zip(codes.shifted, shares, strict=True):
            first, last = codes.edge_from[k], codes.edge_from[k + 1]
            others = situation.weights[first + 1 : last, 0]
            even = np.full(len(others), 1.0 / len(others))
            parts = others / others.sum() if others.sum() > 0 else even
            self._fluid.weights[first, i] = share
            self._fluid.weights[first + 1 : last, i] = (1.0 - share) * parts

    def _follow(self, rates: Floats, choices: Sequence[Choice], before: Whole) -> dict[Choice, Outcome]:
        fluid, horizon, n = self._fluid, len(rates) - 1, len(choices)
        good, late, failed, breach = np.zeros(n), np.zeros(n), np.zeros(n), np.zeros(n)
        gates, s = fluid.structure.call_from[1], fluid.structure
        for begin, end in pairwise(rates):
            flow = fluid.advance(np.full(fluid.n, begin), np.full(fluid.n, end), TICKS)
            served = flow.moments[:, 0, :n].sum(axis=0)
            lost = flow.failed[:gates, :n].sum(axis=0)
            slowly = np.array([self._slow(flow.moments, i) for i in range(n)])
            missed = (slowly + lost) / np.maximum(served + lost, 1e-9)
            breach += np.minimum(1.0, missed / self._allowed) ** 2 * (served + lost)
            good, late, failed = good + served, late + slowly, failed + lost
        seconds = horizon * self._period_s
        replicas = fluid.desired[:, :n].sum(axis=0)
        changed = (fluid.desired[:, :n] != before[:, None]).sum(axis=0) + self._shifted(n)
        utility = (good - 2.0 * late - failed - changed * self._goals.action_cost) / seconds
        utility -= replicas * self._goals.replica_cost_per_s
        last = s.profile_from[-1]
        return {
            choice: Outcome(
                score=float(utility[i] - BREACH_PRICE * breach[i] / seconds),
                utility_per_s=float(utility[i]),
                latency_p95_ms=_ms(quantile_s(0.95, flow.moments[:last, :, i])),
                slow_percent=float(100.0 * late[i] / max(good[i], 1e-9)),
                failed_percent=float(100.0 * failed[i] / max(good[i] + failed[i], 1e-9)),
                replicas=int(replicas[i]),
            )
            for i, choice in enumerate(choices)
        }

    def _slow(self, moments: Floats, i: int) -> float:
        s, count = self._fluid.structure, 0.0
        for k in range(s.call_from[1]):
            if np.isfinite(s.slo_s[k]):
                first, last = s.profile_from[s.edge_from[k]], s.profile_from[s.edge_from[k + 1]]
                count += slow(s.slo_s[k], moments, first, last, i)
        return count

    def _shifted(self, n: int) -> Floats:
        """How many splits each candidate has moved; the first candidate's are those in force."""
        codes = self._encoding.codes
        firsts = [codes.edge_from[k] for k in codes.shifted]
        now = self._fluid.weights[firsts, MOST - 1 : MOST]
        return np.asarray((np.abs(self._fluid.weights[firsts, :n] - now) > 0.005).sum(axis=0))


def _ms(seconds: float) -> float | None:
    return None if isnan(seconds) else 1000.0 * seconds
