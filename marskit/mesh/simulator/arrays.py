"""The twin's model as arrays for the fast engine, with a column for every simulated mesh."""

from functools import cache
from typing import Any, NamedTuple, TypeVar, cast

import numpy as np
from numpy.typing import NDArray

from marskit.domain.goals import Goals
from marskit.domain.topology import GATEWAY
from marskit.mesh.simulator.model import Balancer, Distribution, Station, TwinModel
from marskit.mesh.simulator.queueing import stationary

T = TypeVar("T", bound=tuple[Any, ...])
Floats = NDArray[np.float64]
Whole = NDArray[np.int64]
Places = NDArray[np.int32]
"""Indices into tables; narrow enough to be computed in vectors."""

GRID = 96
"""Number of points in the tables by utilisation."""
PER_WORKER = 16.0
"""Number of points per m requests in the tables by the number of requests, m being all workers."""
STEPS = 129
"""Number of points in these tables: up to eight times m, beyond which all workers count as busy."""
HIGHEST = 0.93
"""Utilisation up to which waiting is treated as stationary; what waits beyond it is a backlog."""


class Structure(NamedTuple):
    """Everything that is the same in all meshes; W stations, K calls, E edges, R most replicas."""

    workers: Floats
    """(W,)"""
    queue_limit: Floats
    """(W,) per replica."""
    cv2: Floats
    """(W,) squared coefficient of variation of the service time."""
    skew3: Floats
    """(W,) third central moment of the service time over its cubed mean."""
    busy_of: Floats
    """(W * (R + 1) * STEPS * 2,) utilisation by the number of requests in steps of m / PER_WORKER, and its
    rise to the next step; flat."""
    waiting_of: Floats
    """(W, R + 1, GRID) stationary number of waiting requests by utilisation from 0 to 1."""
    must_wait_of: Floats
    """(W, R + 1, GRID) stationary probability of having to wait, likewise."""
    call_from: Whole
    """(W + 2,) the calls of station w are `call_from[w + 1]` to `call_from[w + 2]`; w = -1 is the gateway."""
    edge_from: Whole
    """(K + 1,) the edges of call k are `edge_from[k]` to `edge_from[k + 1]`."""
    edge_to: Whole
    """(E,) the station that serves the edge."""
    call_of: Whole
    """(E,) the call that the edge belongs to."""
    attempts: Floats
    """(K,) further tries after an overload, 0 if it is not retried."""
    slo_s: Floats
    """(K,) the latency limit of the gateway's calls; infinite elsewhere and without an SLO."""
    nested: Whole
    """(K,) the calls again, those of each source from the most frequent to the rarest."""
    profile_from: Whole
    """(G + 1,) the profiles of the gateway's edge g are `profile_from[g]` to `profile_from[g + 1]`.

    A profile is a set of calls that a request makes: none, its most frequent call, the two most frequent, and
    so on.
    """


class Parameters(NamedTuple):
    """Everything that may differ between N meshes."""

    service_s: Floats
    """(W, N) mean service time."""
    hop_s: Floats
    """(K, N) added to every try."""
    per_request: Floats
    """(K, N) share of the source's requests that make the call."""
    start_s: Floats
    """(W, N) until a new replica is ready."""
    crowding: Floats
    """(N,) see `TwinModel.crowding`."""


def columns(n: int) -> int:
    """The number of columns in the arrays of `n` meshes; those beyond the first `n` are padding.

    If a row's length were a large power of two, all rows would compete for the same few lines of the
    processor's caches. An odd number of blocks of 32 spreads them, which saves a tenth of the time at 1,024
    meshes.
    """
    return n if n <= 32 else 32 * ((n + 31) // 32 | 1)


def first_columns(parts: T, n: int) -> T:
    """The named tuple with only the first `n` columns of each array; nothing is copied."""
    return type(parts)(*(part[..., :n] for part in cast("Any", parts)))


def structure(model: TwinModel, goals: Goals) -> Structure:
    """The model's constants; the tables of a station are computed once per kind of station."""
    place = {station.workload: w for w, station in enumerate(model.stations)}
    sources = [place.get(call.source, -1) if call.source != GATEWAY else -1 for call in model.calls]
    edges = list(model.edges())
    most = max(station.max_replicas for station in model.stations)
    tables = [_tables(s.workers, s.service_cv, s.balancer, most) for s in model.stations]
    slos = {slo.service: slo.latency_ms / 1000.0 for slo in goals.slos}
    return Structure(
        workers=np.array([s.workers for s in model.stations], np.float64),
        queue_limit=np.array([s.queue_limit for s in model.stations], np.float64),
        cv2=np.array([s.service_cv**2 for s in model.stations]),
        skew3=np.array([_third_moment(s) for s in model.stations]),
        busy_of=np.concatenate([t[0].ravel() for t in tables]),
        waiting_of=np.stack([t[1] for t in tables]),
        must_wait_of=np.stack([t[2] for t in tables]),
        call_from=np.searchsorted(sources, np.arange(-1, len(model.stations) + 1)).astype(np.int64),
        edge_from=np.cumsum([0, *(len(call.splits) for call in model.calls)]).astype(np.int64),
        edge_to=np.array([place[workload] for _, workload in edges], np.int64),
        call_of=np.array([k for k, call in enumerate(model.calls) for _ in call.splits], np.int64),
        attempts=np.array([float(c.retries.attempts * c.retries.on_overload) for c in model.calls]),
        nested=np.array(
            sorted(range(len(sources)), key=lambda k: (sources[k], -model.calls[k].per_request)), np.int64
        ),
        profile_from=np.cumsum([0, *(1 + len(model.calls_of(w)) for c, w in edges if c.source == GATEWAY)]),
        slo_s=np.array([slos.get(c.service, np.inf) if c.source == GATEWAY else np.inf for c in model.calls]),
    )


def parameters(model: TwinModel, n: int) -> Parameters:
    """The model's own numbers, repeated for all `n` meshes."""

    def rows(values: list[float]) -> Floats:
        return np.tile(np.array(values, np.float64)[:, None], (1, n))

    return Parameters(
        service_s=rows([s.service_ms / 1000.0 for s in model.stations]),
        hop_s=rows([c.hop_ms / 1000.0 for c in model.calls]),
        per_request=rows([c.per_request for c in model.calls]),
        start_s=rows([s.start_s for s in model.stations]),
        crowding=np.full(n, model.crowding),
    )


def weights(model: TwinModel) -> Floats:
    """(E,) each edge's share of its call."""
    return np.array([weight / 100.0 for call in model.calls for _, weight in call.splits])


def _third_moment(station: Station) -> float:
    cv = station.service_cv
    match station.distribution:
        case Distribution.LOGNORMAL:
            return (cv * cv + 3.0) * cv**4
        case Distribution.EXPONENTIAL:
            return 2.0
        case Distribution.CONSTANT:
            return 0.0


@cache
def _tables(workers: int, cv: float, balancer: Balancer, most: int) -> tuple[Floats, Floats, Floats]:
    """`busy_of`, `waiting_of` and `must_wait_of` of one kind of station."""
    busy_of = np.zeros((most + 1, STEPS, 2))
    waiting_of, must_wait_of = np.zeros((most + 1, GRID)), np.zeros((most + 1, GRID))
    # Finer towards 1, where the number of requests grows without bound.
    fine = 1.0 - np.geomspace(1.0, 1e-4, 400)
    for replicas in range(1, most + 1):
        m = replicas * workers
        states = [
            stationary(rho, replicas=replicas, workers=workers, cv=cv, balancer=balancer) for rho in fine
        ]
        inside = m * fine + np.array([state.waiting for state in states])
        busy_of[replicas, :, 0] = np.interp(np.arange(STEPS) * m / PER_WORKER, inside, fine)
        busy_of[replicas, -1, 0] = 1.0
        busy_of[replicas, :-1, 1] = np.diff(busy_of[replicas, :, 0])
        levels = np.minimum(np.linspace(0.0, 1.0, GRID), HIGHEST)
        settled = [
            stationary(rho, replicas=replicas, workers=workers, cv=cv, balancer=balancer) for rho in levels
        ]
        waiting_of[replicas] = [state.waiting for state in settled]
        must_wait_of[replicas] = [state.wait_probability for state in settled]
    return busy_of, waiting_of, must_wait_of
