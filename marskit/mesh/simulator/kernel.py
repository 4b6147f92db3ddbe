"""The fast engine's inner loop: many meshes side by side, each station a fluid queue with stationary noise.

The number of requests at a station follows the pointwise stationary fluid flow approximation (Wang, Tipper
and Banerjee 1996): it changes by arrivals less capacity times the utilisation at which that number would be
stationary, with one implicit step a tick, so that no tick is too long. A sojourn is carried as its first
three cumulants, which add up along a request's path.

Meshes are computed in blocks: what one waits for, the processor does for the next. That, and the flat scratch
array, is worth a factor of three over one mesh after the other.
"""

from typing import NamedTuple

import numpy as np

from marskit.mesh.simulator.arrays import GRID, PER_WORKER, STEPS, Floats, Parameters, Structure, Whole
from marskit.mesh.simulator.jit import inline, jit

BLOCK = 32
"""Meshes computed side by side."""
_TINY = 1e-9
# The rows of the scratch array, BLOCK numbers each: what a station holds and what holds for it until the
# number of its replicas changes, then what a stretch of ticks adds up to.
_INSIDE, _ROOM, _MOST, _PER_MOST, _SCALE, _LIMIT, _SETTLED, _PER_MUST = (row * BLOCK for row in range(8))
_SERVICE, _SERVICE2, _SERVICE3 = (row * BLOCK for row in range(8, 11))
_CAME, _GONE, _OVER, _BUSY, _M1, _M2, _M3 = (row * BLOCK for row in range(11, 18))
_ROWS = 18


class State(NamedTuple):
    """What changes from tick to tick in N meshes; D ticks are longer than the longest start of a replica."""

    inside: Floats
    """(W, N) requests that wait or are served, in all replicas."""
    ready: Whole
    """(W, N)"""
    starting: Whole
    """(W, D, N) replicas that become ready, by tick modulo D."""
    failing: Floats
    """(W, N) the share of requests that failed in the last stretch, downstream included."""
    slowdown: Floats
    """(W, N) factor on service times, 1 unless something is broken."""
    errors: Floats
    """(W, N) share of answers that are injected errors."""


class Flow(NamedTuple):
    """What a stretch of ticks adds up to in N meshes; P profiles, K calls."""

    arrivals: Floats
    """(W, N) requests, refused ones included."""
    served: Floats
    """(W, N) requests that left a station served."""
    refused: Floats
    """(W, N) requests that found no room or no replica."""
    busy: Floats
    """(W, N) mean utilisation."""
    sojourn: Floats
    """(W, 3, N) cumulants of the time at a station itself, in s, s² and s³."""
    answer: Floats
    """(W, 3, N) the same with all that it waits for."""
    failed: Floats
    """(K, N) calls that failed after all tries."""
    called: Floats
    """(K, N) calls made."""
    moments: Floats
    """(P, 4, N) by profile: successes, and the sums of their latency, squared and cubed, in s."""


@inline
def _settle(
    s: Structure, x: Floats, rows: Whole, b: int, w: int, r: int, service: float, came: float, tick_s: float
) -> None:
    """Work out what holds for a station while it has `r` replicas and about `came` arrivals a tick."""
    m = max(r * s.workers[w], _TINY)
    most = m * tick_s / service
    rows[b] = (w * s.waiting_of.shape[1] + r) * STEPS
    x[_ROOM + b] = m
    x[_MOST + b] = most
    x[_PER_MOST + b] = 1.0 / most
    x[_SCALE + b] = PER_WORKER / m
    x[_LIMIT + b] = r * (s.workers[w] + s.queue_limit[w])
    at = min(1.0, came / most) * (GRID - 1)
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
    x: Floats, rows: Whole, busy_of: Floats, flow: Floats, w: int, t: int, n: int, tick_s: float
) -> None:
    """One tick of one station in a block of meshes: `flow` holds what comes, and afterwards what goes."""
    for b in range(n):
        inside, came, most, scale = x[_INSIDE + b], flow[w, t, b], x[_MOST + b], x[_SCALE + b]
        here = inside + came
        # Backward Euler with one Newton step on inside + most * utilisation(inside) = here.
        at = min(inside * scale, STEPS - 1.001)
        j = int(at)
        low = busy_of[rows[b] + j]
        rise = busy_of[rows[b] + j + 1] - low
        guess = inside - (inside + most * (low + (at - j) * rise) - here) / (1.0 + most * rise * scale)
        gone = max(0.0, min(most, here - max(0.0, guess)))
        left = here - gone
        over = max(0.0, left - x[_LIMIT + b])
        left -= over
        busy = gone * x[_PER_MOST + b]
        # What waits because arrivals and service vary, and what waits because it has piled up.
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
        flow[w, t, b] = gone


@inline
def _pass_on(
    s: Structure,
    p: Parameters,
    state: State,
    weights: Floats,
    flow: Floats,
    w: int,
    i: int,
    b: int,
    ticks: int,
) -> None:
    """Send what station `w` has served to those it calls, retries included."""
    going = 1.0 - state.errors[w, i]
    for k in range(s.call_from[w + 1], s.call_from[w + 2]):
        failing = 0.0
        for e in range(s.edge_from[k], s.edge_from[k + 1]):
            failing += weights[e, i] * state.failing[s.edge_to[e], i]
        tries = 1.0
        if s.attempts[k] > 0.0 and failing > 0.0:
            in_vain = failing ** (s.attempts[k] + 1.0)
            tries = (1.0 - in_vain) / (1.0 - failing) if failing < 1.0 else s.attempts[k] + 1.0
            failing = in_vain
        for e in range(s.edge_from[k], s.edge_from[k + 1]):
            to, share = s.edge_to[e], going * p.per_request[k, i] * weights[e, i] * tries
            for t in range(ticks):
                flow[to, t, b] += flow[w, t, b] * share
        going *= 1.0 - p.per_request[k, i] * failing


@inline
def _answer(
    s: Structure, p: Parameters, state: State, weights: Floats, out: Flow, k: int, i: int
) -> tuple[float, float, float, float]:
    """The cumulants of a successful call's latency, and the share of calls that fail after all tries."""
    m0 = m1 = m2 = m3 = failing = 0.0
    for e in range(s.edge_from[k], s.edge_from[k + 1]):
        w = s.edge_to[e]
        k1, k2, k3 = out.answer[w, 0, i], out.answer[w, 1, i], out.answer[w, 2, i]
        good = weights[e, i] * (1.0 - state.failing[w, i])
        failing += weights[e, i] * state.failing[w, i]
        m0 += good
        m1 += good * k1
        m2 += good * (k2 + k1 * k1)
        m3 += good * (k3 + 3.0 * k1 * k2 + k1 * k1 * k1)
    if m0 > 0.0:
        m1, m2, m3 = m1 / m0, m2 / m0, m3 / m0
    if s.attempts[k] > 0.0 and failing > 0.0:
        failing = failing ** (s.attempts[k] + 1.0)
    return m1 + p.hop_s[k, i], m2 - m1 * m1, m3 - 3.0 * m1 * m2 + 2.0 * m1 * m1 * m1, failing


@inline
def _conclude(
    s: Structure,
    p: Parameters,
    state: State,
    weights: Floats,
    out: Flow,
    lost: Floats,
    entered: float,
    i: int,
) -> None:
    """Up the call graph: what a caller sees of those it calls, and the gateway of all."""
    gates, doors = s.call_from[1], s.profile_from.shape[0] - 1
    for w in range(s.workers.shape[0] - 1, -1, -1):
        begin, end = s.call_from[w + 1], s.call_from[w + 2]
        m0 = m1 = m2 = m3 = 0.0
        k1, k2, k3 = out.sojourn[w, 0, i], out.sojourn[w, 1, i], out.sojourn[w, 2, i]
        well = 1.0 - lost[w]
        for n in range(begin, end + 1):
            # The requests that make the n - begin most frequent calls and no other.
            here = 1.0 if n == begin else p.per_request[s.nested[n - 1], i]
            rarer = 0.0 if n == end else p.per_request[s.nested[n], i]
            good = max(0.0, here - rarer) * well
            r2, r3 = k2 + k1 * k1, k3 + 3.0 * k1 * k2 + k1 * k1 * k1
            m0 += good
            m1 += good * k1
            m2 += good * r2
            m3 += good * r3
            for g in range(doors):
                if s.edge_to[g] == w:
                    k = s.call_of[g]
                    count = good * entered * weights[g, i] * p.per_request[k, i]
                    whole = k1 + p.hop_s[k, i]
                    f = s.profile_from[g] + n - begin
                    out.moments[f, 0, i] = count
                    out.moments[f, 1, i] = count * whole
                    out.moments[f, 2, i] = count * (k2 + whole * whole)
                    out.moments[f, 3, i] = count * (k3 + 3.0 * whole * k2 + whole * whole * whole)
            if n < end:
                k = s.nested[n]
                a1, a2, a3, failing = _answer(s, p, state, weights, out, k, i)
                k1, k2, k3 = k1 + a1, k2 + a2, k3 + a3
                out.called[k, i] = out.served[w, i] * p.per_request[k, i]
                out.failed[k, i] = out.called[k, i] * failing
                well *= 1.0 - failing
        state.failing[w, i] = 1.0 - m0
        if begin < end and m0 > 0.0:
            k1 = m1 / m0
            k2, k3 = m2 / m0 - k1 * k1, m3 / m0 - 3.0 * k1 * m2 / m0 + 2.0 * k1 * k1 * k1
        out.answer[w, 0, i] = k1
        out.answer[w, 1, i] = k2
        out.answer[w, 2, i] = k3
    for k in range(gates):
        failing = 0.0
        for e in range(s.edge_from[k], s.edge_from[k + 1]):
            failing += weights[e, i] * state.failing[s.edge_to[e], i]
        out.called[k, i] = entered * p.per_request[k, i]
        out.failed[k, i] = out.called[k, i] * failing


@jit
def advance(
    s: Structure,
    p: Parameters,
    state: State,
    weights: Floats,
    rate_from: Floats,
    rate_to: Floats,
    tick: int,
    ticks: int,
    tick_s: float,
    out: Flow,
    first: int,
    last: int,
) -> None:
    """Let `ticks` pass in the meshes `first` to `last`, whose load goes from one rate to the other in a line.

    Args:
        s: What is the same in all meshes.
        p: What may differ.
        state: Is moved on.
        weights: (E, N) the share of its call that every edge gets.
        rate_from: (N,) requests per second that enter at the beginning.
        rate_to: (N,) at the end.
        tick: How many ticks have passed so far.
        ticks: How many are to pass.
        tick_s: Their length in real seconds.
        out: Is overwritten with what the stretch adds up to.
        first: The first mesh to compute.
        last: The one behind the last.
    """
    stations, depth = s.workers.shape[0], state.starting.shape[1]
    x, rows = np.zeros(_ROWS * BLOCK), np.zeros(BLOCK, np.int64)
    flow, lost = np.zeros((stations, ticks, BLOCK)), np.zeros((BLOCK, stations))
    for begin in range(first, last, BLOCK):
        n = min(last - begin, BLOCK)
        flow[:] = 0.0
        for b in range(n):
            i = begin + b
            rise = (rate_to[i] - rate_from[i]) / ticks
            for g in range(s.profile_from.shape[0] - 1):
                share = p.per_request[s.call_of[g], i] * weights[g, i] * tick_s
                for t in range(ticks):
                    flow[s.edge_to[g], t, b] += share * (rate_from[i] + rise * (t + 0.5))
        for w in range(stations):
            x[_CAME:] = 0.0
            for b in range(n):
                i = begin + b
                x[_INSIDE + b] = state.inside[w, i]
                service = p.service_s[w, i] * state.slowdown[w, i]
                _settle(s, x, rows, b, w, state.ready[w, i], service, flow[w, ticks // 2, b], tick_s)
            for t in range(ticks):
                slot = (tick + t + 1) % depth
                for b in range(n):
                    i = begin + b
                    if state.starting[w, slot, i] != 0:
                        state.ready[w, i] += state.starting[w, slot, i]
                        state.starting[w, slot, i] = 0
                        service = p.service_s[w, i] * state.slowdown[w, i]
                        _settle(s, x, rows, b, w, state.ready[w, i], service, flow[w, ticks // 2, b], tick_s)
                _turn(x, rows, s.busy_of, flow, w, t, n, tick_s)
            for b in range(n):
                i = begin + b
                gone = x[_GONE + b]
                per = 1.0 / max(gone, _TINY)
                m1, m2, m3 = x[_M1 + b] * per, x[_M2 + b] * per, x[_M3 + b] * per
                state.inside[w, i] = x[_INSIDE + b]
                out.arrivals[w, i] = x[_CAME + b]
                out.served[w, i] = gone
                out.refused[w, i] = x[_OVER + b]
                out.busy[w, i] = x[_BUSY + b] / ticks
                out.sojourn[w, 0, i] = m1
                out.sojourn[w, 1, i] = m2 - m1 * m1
                out.sojourn[w, 2, i] = m3 - 3.0 * m1 * m2 + 2.0 * m1 * m1 * m1
                refused = min(1.0, x[_OVER + b] / max(x[_CAME + b], _TINY))
                lost[b, w] = refused + (1.0 - refused) * state.errors[w, i]
                _pass_on(s, p, state, weights, flow, w, i, b, ticks)
        for b in range(n):
            i = begin + b
            entered = 0.5 * (rate_from[i] + rate_to[i]) * ticks * tick_s
            _conclude(s, p, state, weights, out, lost[b], entered, i)
