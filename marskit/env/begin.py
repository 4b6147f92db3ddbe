"""The beginning of an episode in many meshes: slightly varied meshes, and new loads."""

from typing import NamedTuple

import numpy as np

from marskit.env.encoding import (
    DESIRED,
    HIGH,
    HIGHEST,
    PER_RAW,
    RATE,
    RATE_1,
    RATE_2,
    READY,
    STATIONS,
    USUAL,
    encode,
)
from marskit.env.loads import draw_rates
from marskit.env.noise import between
from marskit.env.step import Everything
from marskit.mesh.simulator.arrays import Floats, Parameters, Whole
from marskit.mesh.simulator.jit import jit
from marskit.mesh.simulator.packed import Packed

LONG_AGO = 1000
"""Initial number of periods since replicas last changed."""


class Beginning(NamedTuple):
    """Initial values of episodes; W stations, K calls, E edges."""

    nominal: Parameters
    """The model's parameters, in one mesh."""
    replicas: Whole
    """(W,)"""
    weights: Floats
    """(E,)"""
    spread: float
    """Relative range from which service times, hops, starts and calls are drawn."""
    lowest: float
    """Lowest load, in requests per second."""
    highest: float
    """Highest load, in requests per second."""
    period_s: float
    draws: bool
    """Whether loads are drawn; else `Run.rates` has them."""


@jit
def begin(packed: Packed[Everything], b: Beginning, first: int, last: int) -> None:
    """Put the meshes `first` to `last` at the beginning of a new episode.

    Args:
        packed: The arrays to write, see `jit.packed`.
        b: The initial values.
        first: The first mesh.
        last: The mesh after the last one.
    """
    _, c, _, meshes, run, _ = packed.parts
    p, state, desired, weights, _ = meshes
    stations, calls, edges = b.replicas.shape[0], c.call_source.shape[0], b.weights.shape[0]
    walk, load = np.empty(run.rates.shape[0] // 2), np.empty(stations)
    least, most = 1.0 - b.spread, 1.0 + b.spread
    for i in range(first, last):
        for w in range(stations):
            p.service_s[w, i] = b.nominal.service_s[w, 0] * between(run.noise, i, least, most)
            p.start_s[w, i] = b.nominal.start_s[w, 0] * between(run.noise, i, least, most)
            desired[w, i] = state.ready[w, i] = b.replicas[w]
            state.inside[w, i] = state.failing[w, i] = state.errors[w, i] = 0.0
            state.slowdown[w, i] = 1.0
            state.starting[w, :, i] = 0
            run.since[w, i] = LONG_AGO
        state.underway[i] = 0
        state.advanced[i] = 0.0
        p.crowding[i] = b.nominal.crowding[0] * between(run.noise, i, least, most)
        # One factor for all calls of a mesh, so that none becomes more frequent than another.
        often = between(run.noise, i, least, most)
        for k in range(calls):
            p.hop_s[k, i] = b.nominal.hop_s[k, 0] * between(run.noise, i, least, most)
            usual = b.nominal.per_request[k, 0]
            p.per_request[k, i] = usual if c.call_source[k] < 0 else min(1.0, usual * often)
        for e in range(edges):
            weights[e, i] = b.weights[e]
        if b.draws:
            draw_rates(run.noise, i, b.lowest, b.highest, walk, run.rates)
        run.late[i] = 0.0
        run.raw[:, i] = 0.0
        run.last[:, i] = 0.0
        rate = run.rates[0, i]
        for row in (RATE, RATE_1, RATE_2, HIGH, HIGHEST, USUAL):
            run.raw[row, i] = rate
        for w in range(stations):
            row = STATIONS + PER_RAW * w
            run.raw[row + DESIRED, i] = run.raw[row + READY, i] = b.replicas[w]
        run.last[stations, i] = rate * b.period_s
        encode(c, run.raw, weights, i, load, run.observation)
