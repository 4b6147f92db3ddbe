"""Simulates joint actions: the present situation in the fast twin, once per candidate."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from marskit.agents.situation import Situation
from marskit.domain.goals import Goals
from marskit.domain.observation import Observation
from marskit.env.encoding import BUSY, PER_RAW, QUEUED, READY, STATIONS, Encoding
from marskit.mapek.analyse.symptoms import has_queue
from marskit.mapek.monitor.measures import MIN_MEAN_REQUESTS, own_measure
from marskit.mesh.simulator.arrays import Floats, Whole
from marskit.mesh.simulator.fluid import Fluid
from marskit.mesh.simulator.jit import jit
from marskit.mesh.simulator.kernel import scale
from marskit.mesh.simulator.latency import quantile, slow
from marskit.planning import PlanningView

TICKS = 10
MOST = 64
"""Largest number of candidates simulated at once."""
SEEN = slice(1, 3)
"""The periods whose latency and errors are reported: those in which the effect would be measured, two periods
from when the new replicas have started."""
BREACH_PRICE = 0.5
"""Penalty for a period with an SLO violation, as a share of the load."""
_STARTED_TICKS = 2.0
"""Remaining start time of replicas that are starting already, in ticks."""
_SLOWED = 1.25
"""Ratio to the model's service time above which a slowdown counts as real."""
_BUSY = 0.9
"""Utilisation above which the queue may have been full for a while."""


@dataclass(frozen=True, slots=True)
class JointAction:
    """One joint action."""

    replicas: tuple[int, ...]
    """Replicas of every station, in the model's order."""
    shares: tuple[float, ...]
    """Share of the first destination of every split."""


@dataclass(frozen=True, slots=True)
class TrialOutcome:
    """The twin's prediction for one joint action over the horizon."""

    score: float
    """Utility per second, less the penalty for SLO violations."""
    utility_per_s: float
    requests_per_s: float
    latency_p95_ms: float | None
    slow_percent: float
    failed_percent: float
    replicas: int


class Trial:
    """Simulates joint actions from a situation on, all at the same time."""

    def __init__(self, encoding: Encoding, goals: Goals, *, period_s: float, most: int = MOST) -> None:
        self._encoding = encoding
        self._goals = goals
        self._period_s = period_s
        self._fluid = Fluid(encoding.model, goals, most, tick_s=period_s / TICKS)
        self._allowed = min((1.0 - slo.quantile for slo in goals.slos), default=0.05)

    def warm_up(self) -> None:
        """Compile everything that `run` calls."""
        none = np.zeros(self._fluid.n)
        moments = self._fluid.advance(none, none, 1).moments
        _quantiles_s(0.95, moments.copy(), 0, 1, np.zeros(1))

    def run(
        self,
        situation: Situation,
        view: PlanningView,
        rates: Floats,
        choices: Sequence[JointAction],
        *,
        service: str | None = None,
    ) -> dict[JointAction, TrialOutcome]:
        """The outcome of every choice if the load follows (H + 1,) `rates`.

        Latency and errors are those of `service`, which users call, or of all users' requests.
        """
        distinct = list(dict.fromkeys(choices))[: self._fluid.n]
        self._put(situation, view)
        before = self._fluid.desired[:, 0].copy()
        for i, choice in enumerate(distinct):
            for w, count in enumerate(choice.replicas):
                if count != before[w]:
                    self._fluid.scale(w, i, count)
            self._shift(situation, choice.shares, i)
        return self._follow(rates, distinct, before, situation, service)

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
            if desired > ready:
                for i in range(fluid.n):
                    scale(fluid.state, w, i, desired - ready, _STARTED_TICKS)
            fluid.state.inside[w] = raw[row + QUEUED, 0] + raw[row + BUSY, 0] * ready * station.workers
            fluid.state.slowdown[w], fluid.state.errors[w] = self._broken(w, view.observation)

    def _broken(self, w: int, observation: Observation) -> tuple[float, float]:
        """How much slower than the model the station is, and the share of its responses that are errors.

        Neither is reported where overload may be the cause: that is for the twin to predict.
        """
        station = self._encoding.model.stations[w]
        state = observation.workload(station.workload)
        if state.utilisation is None or state.utilisation > _BUSY or has_queue(state):
            return 1.0, 0.0
        own = own_measure(state, observation)
        if own.busy_ms is None or own.busy_n < MIN_MEAN_REQUESTS:
            # Its replicas have just changed, and the previous ones may have been overloaded.
            return 1.0, 0.0
        slowdown = own.busy_ms * station.workers / station.service_ms
        return (slowdown if slowdown > _SLOWED else 1.0), min(1.0, own.errors / max(1, own.requests))

    def _shift(self, situation: Situation, shares: Sequence[float], i: int) -> None:
        codes = self._encoding.codes
        for k, share in zip(codes.shifted, shares, strict=True):
            first, last = codes.edge_from[k], codes.edge_from[k + 1]
            others = situation.weights[first + 1 : last, 0]
            even = np.full(len(others), 1.0 / len(others))
            parts = others / others.sum() if others.sum() > 0 else even
            self._fluid.weights[first, i] = share
            self._fluid.weights[first + 1 : last, i] = (1.0 - share) * parts

    def _follow(
        self,
        rates: Floats,
        choices: Sequence[JointAction],
        before: Whole,
        situation: Situation,
        service: str | None,
    ) -> dict[JointAction, TrialOutcome]:
        fluid, horizon, n = self._fluid, len(rates) - 1, len(choices)
        good, late, failed, breach = np.zeros(n), np.zeros(n), np.zeros(n), np.zeros(n)
        gates = fluid.structure.call_from[1]
        seen, lost_seen = np.zeros_like(fluid.flow.moments), np.zeros((gates, n))
        seeing = range(horizon)[SEEN] or range(horizon)
        for period, (begin, end) in enumerate(pairwise(rates)):
            flow = fluid.advance(np.full(fluid.n, begin), np.full(fluid.n, end), TICKS)
            served = flow.moments[:, 0, :n].sum(axis=0)
            lost = flow.failed[:gates, :n].sum(axis=0)
            slowly = np.array([self._slow(flow.moments, i, range(gates)) for i in range(n)])
            missed = (slowly + lost) / np.maximum(served + lost, 1e-9)
            breach += np.minimum(1.0, missed / self._allowed) ** 2 * (served + lost)
            good, late, failed = good + served, late + slowly, failed + lost
            if period in seeing:
                seen += flow.moments
                lost_seen += flow.failed[:gates, :n]
        seconds = horizon * self._period_s
        replicas = fluid.desired[:, :n].sum(axis=0)
        changed = (fluid.desired[:, :n] != before[:, None]).sum(axis=0) + self._shifted(n, situation)
        utility = (good - 2.0 * late - failed - changed * self._goals.action_cost) / seconds
        utility -= replicas * self._goals.replica_cost_per_s
        counted = self._counted_calls(service)
        first, last = self._profiles(counted)
        p95_s = np.zeros(n)
        _quantiles_s(0.95, seen, first, last, p95_s)
        succeeded = seen[first:last, 0, :n].sum(axis=0)
        broken = lost_seen[counted].sum(axis=0)
        return {
            choice: TrialOutcome(
                score=float(utility[i] - BREACH_PRICE * breach[i] / seconds),
                utility_per_s=float(utility[i]),
                requests_per_s=float((succeeded[i] + broken[i]) / (len(seeing) * self._period_s)),
                latency_p95_ms=1000.0 * float(p95_s[i]) if succeeded[i] > 0.0 else None,
                slow_percent=float(100.0 * self._slow(seen, i, counted) / max(succeeded[i], 1e-9)),
                failed_percent=float(100.0 * broken[i] / max(succeeded[i] + broken[i], 1e-9)),
                replicas=int(replicas[i]),
            )
            for i, choice in enumerate(choices)
        }

    def _counted_calls(self, service: str | None) -> range:
        """The gateway's calls to the service, or all of its calls."""
        gates = range(self._fluid.structure.call_from[1])
        ours = [k for k in gates if self._encoding.model.calls[k].service == service]
        return range(ours[0], ours[-1] + 1) if ours else gates

    def _profiles(self, calls: range) -> tuple[int, int]:
        s = self._fluid.structure
        return int(s.profile_from[s.edge_from[calls.start]]), int(s.profile_from[s.edge_from[calls.stop]])

    def _slow(self, moments: Floats, i: int, calls: range) -> float:
        s, count = self._fluid.structure, 0.0
        for k in calls:
            if np.isfinite(s.slo_s[k]):
                first, last = self._profiles(range(k, k + 1))
                count += slow(s.slo_s[k], moments, first, last, i)
        return count

    def _shifted(self, n: int, situation: Situation) -> Floats:
        """The number of splits that each candidate has moved."""
        codes = self._encoding.codes
        firsts = [codes.edge_from[k] for k in codes.shifted]
        moved = np.abs(self._fluid.weights[firsts, :n] - situation.weights[firsts]) > 0.005
        return np.asarray(moved.sum(axis=0))


@jit
def _quantiles_s(q: float, moments: Floats, first: int, last: int, out: Floats) -> None:
    """The q-quantile in seconds of the profiles `first` to `last`, for each mesh in `out`."""
    for i in range(out.shape[0]):
        out[i] = quantile(q, moments, first, last, i)
