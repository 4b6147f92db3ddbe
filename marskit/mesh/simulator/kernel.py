"""The fast engine's inner loop: many meshes side by side, each station a fluid queue with stationary noise.

The number of requests at a station follows the pointwise stationary fluid flow approximation (Wang, Tipper
and Banerjee 1996): it changes by arrivals less capacity times the utilisation at which that number would be
stationary, with one implicit step per tick, so that no tick is too long. A sojourn is represented by its
first three cumulants, which add up along a request's path.

Meshes are computed in blocks: while one waits for memory, the processor works on the next. This, and the flat
scratch array, is three times as fast as one mesh after another.
"""

from typing import NamedTuple

import numpy as np

from marskit.mesh.simulator.arrays import (
    GRID,
    PER_WORKER,
    STEPS,
    Floats,
    Parameters,
    Places,
    Structure,
    Whole,
)
from marskit.mesh.simulator.jit import inline, jit, shared

BLOCK = 32
"""Number of meshes computed side by side."""
PARTS = 4
"""Parts of a tick to which starts are rounded: where many share the machine, a tick is a long own time."""
_TINY = 1e-9
# The rows of the scratch array, BLOCK numbers each: what a station holds and what holds for it until the
# number of its replicas changes, then what a stretch of ticks adds up to.
_INSIDE, _ROOM, _MOST, _PER_MOST, _SCALE, _LIMIT, _SETTLED, _PER_MUST = (row * BLOCK for row in range(8))
_SERVICE, _SERVICE2, _SERVICE3 = (row * BLOCK for row in range(8, 11))
_CAME, _GONE, _OVER, _BUSY, _M1, _M2, _M3 = (row * BLOCK for row in range(11, 18))
_PART, _LOW, _RISE = (row * BLOCK for row in range(18, 21))
# Results that are passed on once a station is done, in rows that it no longer needs.
_GOING, _FAILING, _SHARE = _PART, _LOW, _RISE
_ROWS = 21


class State(NamedTuple):
    """The state of N meshes between ticks; D parts of a tick exceed the longest start.

    Starting replicas share the machine, as in `starts`: more of them start more slowly.
    """

    inside: Floats
    """(W, N) requests that wait or are served, in all replicas."""
    ready: Whole
    """(W, N)"""
    starting: Whole
    """(W, D, N) replicas that become ready, by the value of `advanced` then, modulo D."""
    underway: Whole
    """(N,) number of starting replicas of all stations."""
    advanced: Floats
    """(N,) progress of each of them in its own time, in parts of a tick; constant without any."""
    failing: Floats
    """(W, N) share of requests that failed in the last stretch, including downstream failures."""
    slowdown: Floats
    """(W, N) factor on service times, 1 without a fault."""
    errors: Floats
    """(W, N) share of responses that are injected errors."""


class Flow(NamedTuple):
    """Totals over a stretch of ticks in N meshes; P profiles, K calls."""

    arrivals: Floats
    """(W, N) requests, including refused ones."""
    served: Floats
    """(W, N) requests that left a station served."""
    refused: Floats
    """(W, N) requests that found no room or no replica."""
    busy: Floats
    """(W, N) mean utilisation."""
    sojourn: Floats
    """(W, 3, N) cumulants of the time at a station itself, in s, s² and s³."""
    answer: Floats
    """(W, 3, N) the same including all further calls."""
    failed: Floats
    """(K, N) calls that failed after all tries."""
    called: Floats
    """(K, N) calls made."""
    moments: Floats
    """(P, 4, N) by profile: successes, and the sums of their latency, squared and cubed, in s."""


@shared
def scale(state: State, w: int, i: int, change: int, ticks: float) -> None:
    """Start replicas, which alone would take `ticks`, or stop some, the latest to be ready first."""
    depth = state.starting.shape[1]
    now = int(state.advanced[i])
    if change > 0:
        after = int(state.advanced[i] + ticks * PARTS + 0.5) - now
        state.starting[w, (now + min(max(after, 1), depth - 1)) % depth, i] += change
        state.underway[i] += change
        return
    for back in range(1, depth if state.underway[i] > 0 else 0):
        slot = (now + depth - back) % depth
        while change < 0 and state.starting[w, slot, i] > 0:
            state.starting[w, slot, i] -= 1
            state.underway[i] -= 1
            change += 1
    state.ready[w, i] += change


@inline
def _start(p: Parameters, state: State, reached: Places, begin: int, n: int) -> bool:
    """Record the slots of `State.starting` that a block of meshes reaches; returns whether there are any.

    Args:
        p: Parameters of the meshes.
        state: The state; `advanced` and `underway` are updated.
        reached: (ticks, BLOCK), overwritten; -1 where none is reached in a tick.
        begin: The first mesh of the block.
        n: Number of meshes in the block.
    """
    stations, depth = state.starting.shape[0], state.starting.shape[1]
    any_starts = False
    for b in range(n):
        i = begin + b
        if state.underway[i] > 0:
            any_starts = True
            for t in range(reached.shape[0]):
                reached[t, b] = -1
                others = state.underway[i] - 1
                if others < 0:
                    continue
                before = int(state.advanced[i])
                state.advanced[i] += PARTS / (1.0 + p.crowding[i] * others)
                now = int(state.advanced[i])
                if now > before:
                    slot = now % depth
                    reached[t, b] = slot
                    for w in range(stations):
                        for part in range(before + 1, now):
                            state.starting[w, slot, i] += state.starting[w, part % depth, i]
                            state.starting[w, part % depth, i] = 0
                        state.underway[i] -= state.starting[w, slot, i]
        else:
            reached[:, b] = -1
    return any_starts


@inline
def _settle(
    s: Structure,
    p: Parameters,
    state: State,
    flow: Floats,
    x: Floats,
    rows: Places,
    w: int,
    tick_s: float,
    begin: int,
    first: int,
    last: int,
) -> None:
    """Compute what holds for a station in the meshes `first` to `last` of a block until replicas change."""
    for b in range(first, last):
        i = begin + b
        r = state.ready[w, i]
        service = p.service_s[w, i] * state.slowdown[w, i]
        m = max(r * s.workers[w], _TINY)
        most = m * tick_s / service
        rows[b] = 2 * (w * s.waiting_of.shape[1] + r) * STEPS
        x[_ROOM + b] = m
        x[_MOST + b] = most
        x[_PER_MOST + b] = 1.0 / most
        x[_SCALE + b] = PER_WORKER / m
        x[_LIMIT + b] = r * (s.workers[w] + s.queue_limit[w])
        at = min(1.0, flow[w, flow.shape[1] // 2, b] / most) * (GRID - 1)
        j = min(int(at), GRID - 2)
        part = at - j
        x[_SETTLED + b] = s.waiting_of[w, r, j] + part * (s.waiting_of[w, r, j + 1] - s.waiting_of[w, r, j])
        must = s.must_wait_of[w, r, j] + part * (s.must_wait_of[w, r, j + 1] - s.must_wait_of[w, r, j])
        x[_PER_MUST + b] = 1.0 / max(must, _TINY)
        x[_SERVICE + b] = service
        x[_SERVICE2 + b] = s.cv2[w] * service * service
        x[_SERVICE3 + b] = s.skew3[w] * service * service * service


@inline
def _turn(
    x: Floats,
    rows: Places,
    places: Places,
    busy_of: Floats,
    flow: Floats,
    w: int,
    t: int,
    n: int,
    tick_s: float,
) -> None:
    """Compute one tick of one station in a block of meshes: `flow` holds the input, then the output.

    Three loops, because the compiler vectorises the first and the last, but not table look-ups.
    """
    passing = flow[w, t]
    for b in range(n):
        at = min(x[_INSIDE + b] * x[_SCALE + b], STEPS - 1.001)
        j = np.int32(at)
        places[b] = rows[b] + 2 * j
        x[_PART + b] = at - j
    for b in range(n):
        x[_LOW + b] = busy_of[places[b]]
        x[_RISE + b] = busy_of[places[b] + 1]
    for b in range(n):
        inside, came, most, rise = x[_INSIDE + b], passing[b], x[_MOST + b], x[_RISE + b]
        here = inside + came
        # Backward Euler with one Newton step on inside + most * utilisation(inside) = here.
        excess = inside + most * (x[_LOW + b] + x[_PART + b] * rise) - here
        guess = inside - excess / (1.0 + most * rise * x[_SCALE + b])
        gone = max(0.0, min(most, here - max(0.0, guess)))
        left = here - gone
        over = max(0.0, left - x[_LIMIT + b])
        left -= over
        busy = gone * x[_PER_MOST + b]
        # The part that waits by random variation, and the part that is a backlog.
        waiting = max(0.0, left - x[_ROOM + b] * busy)
        settled = min(waiting, x[_SETTLED + b])
        mean = settled * tick_s / max(gone, _TINY)
        given = mean * x[_PER_MUST + b]
        second = 2.0 * mean * given
        k1 = (waiting - settled) * x[_PER_MOST + b] * tick_s + mean + x[_SERVICE + b]
        k2 = second - mean * mean + x[_SERVICE2 + b]
        k3 = 3.0 * second * (given - mean) + 2.0 * mean * mean * mean + x[_SERVICE3 + b]
        square = k1 * k1
        x[_INSIDE + b] = left
        x[_CAME + b] += came
        x[_GONE + b] += gone
        x[_OVER + b] += over
        x[_BUSY + b] += busy
        x[_M1 + b] += gone * k1
        x[_M2 + b] += gone * (k2 + square)
        x[_M3 + b] += gone * (k3 + k1 * (3.0 * k2 + square))
        passing[b] = gone


@inline
def _pass_on(
    s: Structure,
    p: Parameters,
    state: State,
    weights: Floats,
    x: Floats,
    flow: Floats,
    w: int,
    begin: int,
    n: int,
) -> None:
    """Send what station `w` has served to its callees, including retries."""
    for b in range(n):
        x[_GOING + b] = 1.0 - state.errors[w, begin + b]
    for k in range(s.call_from[w + 1], s.call_from[w + 2]):
        first, last = s.edge_from[k], s.edge_from[k + 1]
        for b in range(n):
            x[_FAILING + b] = 0.0
            x[_SHARE + b] = x[_GOING + b] * p.per_request[k, begin + b]
        for e in range(first, last):
            for b in range(n):
                x[_FAILING + b] += weights[e, begin + b] * state.failing[s.edge_to[e], begin + b]
        if s.attempts[k] > 0.0:
            for b in range(n):
                failing = x[_FAILING + b]
                if failing > 0.0:
                    in_vain = failing ** (s.attempts[k] + 1.0)
                    tries = (1.0 - in_vain) / (1.0 - failing) if failing < 1.0 else s.attempts[k] + 1.0
                    x[_SHARE + b] *= tries
                    x[_FAILING + b] = in_vain
        for e in range(first, last):
            for t in range(flow.shape[1]):
                going, coming = flow[w, t], flow[s.edge_to[e], t]
                for b in range(n):
                    coming[b] += going[b] * (x[_SHARE + b] * weights[e, begin + b])
        for b in range(n):
            x[_GOING + b] *= 1.0 - p.per_request[k, begin + b] * x[_FAILING + b]


@inline
def _note(
    s: Structure, state: State, x: Floats, out: Flow, lost: Floats, w: int, ticks: int, begin: int, n: int
) -> None:
    """Record what station `w` has done in a block of meshes."""
    for b in range(n):
        i = begin + b
        gone, came = x[_GONE + b], x[_CAME + b]
        per = 1.0 / max(gone, _TINY)
        m1, m2, m3 = x[_M1 + b] * per, x[_M2 + b] * per, x[_M3 + b] * per
        state.inside[w, i] = x[_INSIDE + b]
        out.arrivals[w, i] = came
        out.served[w, i] = gone
        out.refused[w, i] = x[_OVER + b]
        out.busy[w, i] = x[_BUSY + b] / ticks
        out.sojourn[w, 0, i] = m1
        out.sojourn[w, 1, i] = m2 - m1 * m1
        out.sojourn[w, 2, i] = m3 - 3.0 * m1 * m2 + 2.0 * m1 * m1 * m1
        refused = min(1.0, x[_OVER + b] / max(came, _TINY))
        lost[w, b] = refused + (1.0 - refused) * state.errors[w, i]


@inline
def _conclude(
    s: Structure,
    p: Parameters,
    state: State,
    weights: Floats,
    out: Flow,
    lost: Floats,
    entered: Floats,
    w: int,
    begin: int,
    n: int,
) -> None:
    """Compute the results of station `w` for its callers; those of its callees are known already."""
    first, last, doors = s.call_from[w + 1], s.call_from[w + 2], s.profile_from.shape[0] - 1
    for b in range(n):
        i = begin + b
        m0 = m1 = m2 = m3 = 0.0
        k1, k2, k3 = out.sojourn[w, 0, i], out.sojourn[w, 1, i], out.sojourn[w, 2, i]
        well = 1.0 - lost[w, b]
        for c in range(first, last + 1):
            # The requests that make the c - first most frequent calls and no other.
            here = 1.0 if c == first else p.per_request[s.nested[c - 1], i]
            rarer = 0.0 if c == last else p.per_request[s.nested[c], i]
            good = max(0.0, here - rarer) * well
            m0 += good
            m1 += good * k1
            m2 += good * (k2 + k1 * k1)
            m3 += good * (k3 + k1 * (3.0 * k2 + k1 * k1))
            for g in range(doors):
                if s.edge_to[g] == w:
                    k = s.call_of[g]
                    count = good * entered[b] * weights[g, i] * p.per_request[k, i]
                    whole = k1 + p.hop_s[k, i]
                    f = s.profile_from[g] + c - first
                    out.moments[f, 0, i] = count
                    out.moments[f, 1, i] = count * whole
                    out.moments[f, 2, i] = count * (k2 + whole * whole)
                    out.moments[f, 3, i] = count * (k3 + whole * (3.0 * k2 + whole * whole))
            if c < last:
                # The next call: the mixture of the workloads that may serve it.
                k = s.nested[c]
                a0 = a1 = a2 = a3 = failing = 0.0
                for e in range(s.edge_from[k], s.edge_from[k + 1]):
                    to = s.edge_to[e]
                    b1, b2, b3 = out.answer[to, 0, i], out.answer[to, 1, i], out.answer[to, 2, i]
                    good = weights[e, i] * (1.0 - state.failing[to, i])
                    failing += weights[e, i] * state.failing[to, i]
                    a0 += good
                    a1 += good * b1
                    a2 += good * (b2 + b1 * b1)
                    a3 += good * (b3 + b1 * (3.0 * b2 + b1 * b1))
                per = 1.0 / max(a0, _TINY)
                a1, a2, a3 = a1 * per, a2 * per, a3 * per
                if s.attempts[k] > 0.0 and failing > 0.0:
                    failing = failing ** (s.attempts[k] + 1.0)
                k1 += a1 + p.hop_s[k, i]
                k2 += a2 - a1 * a1
                k3 += a3 - a1 * (3.0 * a2 - 2.0 * a1 * a1)
                out.called[k, i] = out.served[w, i] * p.per_request[k, i]
                out.failed[k, i] = out.called[k, i] * failing
                well *= 1.0 - failing
        state.failing[w, i] = 1.0 - m0
        if first < last and m0 > 0.0:
            per = 1.0 / m0
            k1, m2, m3 = m1 * per, m2 * per, m3 * per
            k2, k3 = m2 - k1 * k1, m3 - k1 * (3.0 * m2 - 2.0 * k1 * k1)
        out.answer[w, 0, i] = k1
        out.answer[w, 1, i] = k2
        out.answer[w, 2, i] = k3


@inline
def _enter(
    s: Structure,
    p: Parameters,
    weights: Floats,
    rate_from: Floats,
    rate_to: Floats,
    along: Floats,
    flow: Floats,
    entered: Floats,
    tick_s: float,
    begin: int,
    n: int,
) -> None:
    """Put the requests that enter a block of meshes at their entries."""
    ticks = along.shape[0]
    half = along.sum()
    flow[:] = 0.0
    for b in range(n):
        i = begin + b
        change = rate_to[i] - rate_from[i]
        entered[b] = (rate_from[i] * ticks + change * half) * tick_s
        for g in range(s.profile_from.shape[0] - 1):
            share = p.per_request[s.call_of[g], i] * weights[g, i] * tick_s
            for t in range(ticks):
                flow[s.edge_to[g], t, b] += share * (rate_from[i] + change * along[t])


@jit
def advance(
    s: Structure,
    p: Parameters,
    state: State,
    weights: Floats,
    rate_from: Floats,
    rate_to: Floats,
    along: Floats,
    tick_s: float,
    out: Flow,
    first: int,
    last: int,
) -> None:
    """Simulate ticks in the meshes `first` to `last`, while the load changes from one rate to the other.

    Args:
        s: What is the same in all meshes.
        p: Parameters of the meshes.
        state: The state, which is updated.
        weights: (E, N) each edge's share of its call.
        rate_from: (N,) requests per second that enter at the beginning.
        rate_to: (N,) requests per second at the end.
        along: (ticks,) progress between the rates in every tick, from 0 to 1.
        tick_s: Length of a tick in real seconds.
        out: The totals of the stretch, overwritten.
        first: The first mesh to compute.
        last: The mesh after the last one.
    """
    stations = s.workers.shape[0]
    width, ticks = min(last - first, BLOCK), along.shape[0]
    reached = np.empty((ticks, width), np.int32)
    x, of_busy = np.empty(_ROWS * BLOCK), np.empty((2, width), np.int32)
    rows, places = of_busy[0], of_busy[1]
    flow, of_requests = np.empty((stations, ticks, width)), np.empty((stations + 1, width))
    lost, entered = of_requests[:stations], of_requests[stations]
    for begin in range(first, last, BLOCK):
        n = min(last - begin, BLOCK)
        _enter(s, p, weights, rate_from, rate_to, along, flow, entered, tick_s, begin, n)
        any_starts = _start(p, state, reached, begin, n)
        for w in range(stations):
            x[_CAME:] = 0.0
            x[_INSIDE : _INSIDE + n] = state.inside[w, begin : begin + n]
            _settle(s, p, state, flow, x, rows, w, tick_s, begin, 0, n)
            for t in range(ticks):
                for b in range(n if any_starts else 0):
                    i, slot = begin + b, reached[t, b]
                    if slot >= 0 and state.starting[w, slot, i] != 0:
                        state.ready[w, i] += state.starting[w, slot, i]
                        state.starting[w, slot, i] = 0
                        _settle(s, p, state, flow, x, rows, w, tick_s, begin, b, b + 1)
                if n == 1:
                    # The same, but without the loops.
                    _turn(x, rows, places, s.busy_of, flow, w, t, 1, tick_s)
                else:
                    _turn(x, rows, places, s.busy_of, flow, w, t, n, tick_s)
            _note(s, state, x, out, lost, w, ticks, begin, n)
            _pass_on(s, p, state, weights, x, flow, w, begin, n)
        for w in range(stations - 1, -1, -1):
            _conclude(s, p, state, weights, out, lost, entered, w, begin, n)
        for k in range(s.call_from[1]):
            for b in range(n):
                i = begin + b
                failing = 0.0
                for e in range(s.edge_from[k], s.edge_from[k + 1]):
                    failing += weights[e, i] * state.failing[s.edge_to[e], i]
                out.called[k, i] = entered[b] * p.per_request[k, i]
                out.failed[k, i] = out.called[k, i] * failing
