"""One control period of many meshes: the requested actions, the shield, and the outcome."""

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from marskit.env.chance import by_chance, found_busy, found_late, found_waiting
from marskit.env.encoding import (
    BUSY,
    DESIRED,
    FAILED,
    PER_RAW,
    QUEUED,
    RATE,
    RATE_1,
    RATE_2,
    READY,
    SLOW,
    STATIONS,
    Codes,
    demand,
    encode,
    ready_for,
    remember_load,
    wanted_replicas,
    wanted_share,
)
from marskit.env.noise import normal
from marskit.mesh.port import SCALE_WAIT_S
from marskit.mesh.simulator.arrays import Floats, Parameters, Structure, Whole
from marskit.mesh.simulator.fluid import Meshes
from marskit.mesh.simulator.jit import inline, jit
from marskit.mesh.simulator.kernel import Flow, State, advance, scale
from marskit.mesh.simulator.latency import slow
from marskit.mesh.simulator.packed import Packed

# The rows of the terms of utility, in requests per second or their equivalent.
SERVED, VIOLATED, LOST, REPLICAS, CHURN, BREACH = range(6)
TERMS = ("served_within_slo", "violated", "failed", "replica_cost", "action_churn", "breach")
_TINY = 1e-9


def utility_of(terms: Floats) -> Floats:
    """(N,) utility per second from (6, N) terms at the goals' prices, without reward shaping."""
    return np.asarray(terms[SERVED] - terms[VIOLATED] - terms[LOST] - terms[REPLICAS] - terms[CHURN])


class Prices(NamedTuple):
    """The prices in the reward."""

    replica: float
    """Cost of a replica, in requests per second."""
    action: float
    """Cost of an action, in requests."""
    breach: float
    """Cost of a period with an SLO violation, in requests per second."""
    allowed: float
    """Share of successes that may be slow without a violation."""
    failing: float
    """Share of requests that may fail without a violation."""
    steepness: float
    """Exponent of the penalty as the allowance is used up."""
    scale: float
    """Requests per second that correspond to a reward of 1."""


class EpisodeState(NamedTuple):
    """The state of an episode in N meshes, besides the twin's own."""

    rates: Floats
    """(2 T, N) requests per second in the first and the second half of every period, alternating."""
    ready: Whole
    """(W, N) replicas that were ready at the beginning of the period."""
    since: Whole
    """(W, N) periods since the number of replicas last changed."""
    late: Floats
    """(N,) real seconds by which waiting for new replicas will delay the next period."""
    raw: Floats
    """(raw_size, N) Monitor's observation."""
    last: Floats
    """(W + 4, N) of the previous period: utilisation, then entered, good, slow and failed requests."""
    noise: NDArray[np.uint64]
    """(N,) state of the random number generators."""
    terms: Floats
    """(6, N) terms of utility and reward in the last period, see TERMS."""
    actions: Whole
    """(N,) actions executed in the last period."""
    reward: Floats
    """(N,)"""
    observation: NDArray[np.float32]
    """(N, size)"""


class Everything(NamedTuple):
    """All arrays that a step reads and writes."""

    structure: Structure
    codes: Codes
    prices: Prices
    meshes: Meshes
    run: EpisodeState
    along: Floats
    """(ticks,) progress of the load from its rate in the first half of a period to that in the second."""


@inline
def _decide(
    c: Codes,
    p: Parameters,
    state: State,
    desired: Whole,
    weights: Floats,
    run: EpisodeState,
    action: NDArray[np.float32],
    load: Floats,
    ticks: int,
    tick_s: float,
    first: int,
    last: int,
) -> None:
    """Execute the actions that the shield allows; the rules are those of `mapek.plan.shield_rules`.

    Like the loop, it waits for new replicas, and skips the next period if that takes longer than one.
    """
    stations = c.most.shape[0]
    up, down, widest, safe, rest = c.limits[0], c.limits[1], c.limits[2], c.limits[3], c.limits[4]
    for i in range(first, last):
        waited = run.late[i]
        run.late[i] = max(0.0, waited - ticks * tick_s)
        if waited > 0.0:
            run.since[:, i] += 1
            run.actions[i] = 0
            continue
        hold = action[i, stations + c.shifted.shape[0]]
        demand(c, ready_for(run.raw, i, hold), weights, i, load)
        executed = 0
        started_s = 0.0
        receiving = -1
        for n in range(c.shifted.shape[0]):
            begin, end = c.edge_from[c.shifted[n]], c.edge_from[c.shifted[n] + 1]
            now = weights[begin, i]
            goal = wanted_share(action[i, stations + n], now)
            goal = min(now + widest, max(now - widest, goal))
            # The others keep their proportions; they are ready if any of them is.
            gains = begin if goal > now else begin + 1
            if abs(goal - now) < 0.005:
                continue
            # What is to get more is not made smaller, even where it gets nothing for want of a ready replica.
            receiving = c.edge_to[gains]
            if run.raw[STATIONS + PER_RAW * receiving + READY, i] < 0.5:
                continue
            others = 1.0 - now
            for e in range(begin + 1, end):
                share = weights[e, i] / others if others > _TINY else 1.0 / (end - begin - 1)
                weights[e, i] = (1.0 - goal) * share
            weights[begin, i] = goal
            executed += 1
        for w in range(stations):
            run.since[w, i] += 1
            now = float(desired[w, i])
            goal = wanted_replicas(c, w, load[w], action[i, w])
            goal = min(now + up, max(now - down, goal))
            row = STATIONS + PER_RAW * w
            if goal < now:
                if run.since[w, i] < rest or w == receiving:
                    continue
                enough = math.ceil(run.raw[row + BUSY, i] * run.raw[row + READY, i] / safe - _TINY)
                goal = max(goal, enough)
            if goal == now or (goal > now) != (wanted_replicas(c, w, load[w], action[i, w]) > now):
                continue
            scale(state, w, i, int(goal - now), p.start_s[w, i] / tick_s)
            if goal > now:
                started_s = max(started_s, p.start_s[w, i])
            desired[w, i] = int(goal)
            run.since[w, i] = 0
            executed += 1
        run.actions[i] = executed
        took_s = started_s * (1.0 + p.crowding[i] * max(0, state.underway[i] - 1))
        run.late[i] = max(0.0, min(took_s, SCALE_WAIT_S) - ticks * tick_s)


@inline
def _measure(
    s: Structure,
    c: Codes,
    state: State,
    desired: Whole,
    flow: Flow,
    prices: Prices,
    run: EpisodeState,
    period_s: float,
    begin: int,
    end: int,
) -> None:
    """Monitor's observation of the last two periods in some meshes, and the reward of the last one."""
    stations, gates = c.most.shape[0], s.call_from[1]
    for i in range(begin, end):
        entered = good = late = failed = 0.0
        for k in range(gates):
            entered += flow.called[k, i]
            failed += flow.failed[k, i]
            first, last = s.profile_from[s.edge_from[k]], s.profile_from[s.edge_from[k + 1]]
            for f in range(first, last):
                good += flow.moments[f, 0, i]
            if s.slo_s[k] < 1e9:
                late += slow(s.slo_s[k], flow.moments, first, last, i)
        # A count of independent requests varies by its square root.
        more = normal(run.noise, i) / math.sqrt(max(entered, 1.0))
        seen = max(0.0, entered * (1.0 + more))
        replicas = squares = 0.0
        for w in range(stations):
            row = STATIONS + PER_RAW * w
            busy = flow.busy[w, i]
            waiting = max(0.0, state.inside[w, i] - state.ready[w, i] * c.workers[w] * busy)
            squares += by_chance(waiting) ** 2
            run.raw[row + QUEUED, i] = found_waiting(run.noise, i, waiting)
            busy = found_busy(run.noise, i, busy, more, s.cv2[w], flow.arrivals[w, i])
            steady = state.ready[w, i] == run.ready[w, i]
            run.raw[row + BUSY, i] = 0.5 * (busy + run.last[w, i]) if steady else busy
            run.last[w, i] = busy
            run.raw[row + DESIRED, i] = desired[w, i]
            run.raw[row + READY, i] = state.ready[w, i]
            replicas += desired[w, i]
        late_seen = found_late(run.noise, i, late, good, squares)
        window = 2.0 * period_s
        run.raw[RATE_2, i] = run.raw[RATE_1, i]
        run.raw[RATE_1, i] = run.raw[RATE, i]
        run.raw[RATE, i] = (seen + run.last[stations, i]) / window
        both = max(good + run.last[stations + 1, i], _TINY)
        run.raw[SLOW, i] = (late_seen + run.last[stations + 2, i]) / both
        run.raw[FAILED, i] = (failed + run.last[stations + 3, i]) / max(
            both + failed + run.last[stations + 3, i], _TINY
        )
        run.last[stations, i] = seen
        run.last[stations + 1, i] = good
        run.last[stations + 2, i] = late_seen
        run.last[stations + 3, i] = failed
        remember_load(run.raw, i, 1.0)
        missed = max(run.raw[SLOW, i] / prices.allowed, run.raw[FAILED, i] / prices.failing)
        run.terms[SERVED, i] = (good - late) / period_s
        run.terms[VIOLATED, i] = late / period_s
        run.terms[LOST, i] = failed / period_s
        run.terms[REPLICAS, i] = replicas * prices.replica
        run.terms[CHURN, i] = run.actions[i] * prices.action / period_s
        # Uses the windows in which violations are counted, but rises before the SLO is violated, so that
        # there is a gradient to learn from.
        run.terms[BREACH, i] = prices.breach * min(1.0, missed) ** prices.steepness
        total = run.terms[SERVED, i]
        for term in range(1, 6):
            total -= run.terms[term, i]
        run.reward[i] = total / prices.scale


@jit
def step(
    packed: Packed[Everything],
    action: NDArray[np.float32],
    period: int,
    tick_s: float,
    first: int,
    last: int,
) -> None:
    """Execute (N, A) actions in the meshes `first` to `last`, simulate a control period, and measure.

    Args:
        packed: The arrays to read and write, see `jit.packed`.
        action: The requested actions.
        period: Number of finished periods of the episode.
        tick_s: Real seconds from one tick to the next.
        first: The first mesh.
        last: The mesh after the last one.
    """
    s, c, prices, meshes, run, along = packed.parts
    p, state, desired, weights, flow = meshes
    ticks = along.shape[0]
    load = np.zeros(c.most.shape[0])
    _decide(c, p, state, desired, weights, run, action, load, ticks, tick_s, first, last)
    run.ready[:, first:last] = state.ready[:, first:last]
    halves = run.rates[2 * period], run.rates[2 * period + 1]
    advance(s, p, state, weights, *halves, along, tick_s, flow, first, last)
    _measure(s, c, state, desired, flow, prices, run, ticks * tick_s, first, last)
    for i in range(first, last):
        encode(c, run.raw, weights, i, load, run.observation)
