"""The one mapping between what Monitor saw and numbers for a policy, and between its numbers and actions.

The environment and the planner that runs a trained policy both go through here, so that a policy sees the
same in the twin, on Envoy and on a cluster.
"""

from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from marskit.domain.topology import GATEWAY
from marskit.mapek.plan.shield_rules import ShieldLimits
from marskit.mesh.simulator.arrays import Floats, Whole
from marskit.mesh.simulator.jit import shared
from marskit.mesh.simulator.model import TwinModel

VERSION = 2
"""Raised when a number changes its place or meaning; policies of another version are refused."""
PER_STATION = 6
GLOBAL = 7
LOWEST_TARGET, HIGHEST_TARGET = 0.3, 1.0
"""The target utilisations that an action can ask for."""
WEIGHT_STEP_PERCENT = 10
"""Weights are asked for in such steps, so that a policy's noise is not a traffic shift."""
SHORT_MEMORY, LONG_MEMORY = 0.85, 0.97
"""What is left after a period of the highest load of late: half after 4 and after 23 periods."""
# What a mesh is described by before it is scaled: three rates, two shares, what is remembered of the load
# (its highest of late, twice, and its mean), then four numbers a station.
RATE, RATE_1, RATE_2, SLOW, FAILED, HIGH, HIGHEST, USUAL, STATIONS = range(9)
DESIRED, READY, BUSY, QUEUED, PER_RAW = range(5)
WEIGHT_DEAD_BAND = 0.1
"""No weight is moved for less than this: every shift costs as much as a scaling."""
DIRECT = 10.0
"""From here on an action names the thing itself: DIRECT + replicas, DIRECT + share.

It lies outside of the action space, for rules that know no target utilisation to be held against policies.
"""
_TINY = 1e-9


class Codes(NamedTuple):
    """The mapping's constants; W stations, K calls, E edges, S calls whose traffic can be shifted."""

    busy_per_visit: Floats
    """(W,) replicas that one visit a second keeps busy."""
    workers: Floats
    """(W,)"""
    least: Floats
    """(W,) fewest replicas."""
    most: Floats
    """(W,) most replicas."""
    call_source: Whole
    """(K,) the calling station, -1 for the gateway."""
    per_request: Floats
    """(K,)"""
    edge_from: Whole
    """(K + 1,)"""
    edge_to: Whole
    """(E,)"""
    shifted: Whole
    """(S,) the calls whose traffic can be shifted."""
    limits: Floats
    """(5,) the shield's: steps up and down, weight step, safe utilisation, periods before a scale-down."""


@dataclass(frozen=True, slots=True)
class Encoding:
    """What a policy for one mesh sees and does, in order."""

    model: TwinModel
    codes: Codes
    observation_names: tuple[str, ...]
    action_names: tuple[str, ...]

    @property
    def observation_size(self) -> int:
        """How many numbers an observation has."""
        return len(self.observation_names)

    @property
    def action_size(self) -> int:
        """How many numbers an action has, each from -1 to 1."""
        return len(self.action_names)

    @property
    def raw_size(self) -> int:
        """How many numbers describe a mesh before they are scaled."""
        return STATIONS + PER_RAW * len(self.model.stations)

    def schema(self) -> dict[str, Any]:
        """What a policy file says about the mesh it is for; JSON."""
        return {
            "version": VERSION,
            "observation": list(self.observation_names),
            "action": list(self.action_names),
            "most_replicas": [s.max_replicas for s in self.model.stations],
        }


def renewed(known: Encoding, model: TwinModel) -> Encoding:
    """The same mapping for a mesh of the same shape with other numbers."""
    codes = known.codes._replace(
        busy_per_visit=np.array([1.0 / s.capacity_per_s for s in model.stations]),
        per_request=np.array([c.per_request for c in model.calls]),
    )
    return replace(known, model=model, codes=codes)


def encoding(model: TwinModel, limits: ShieldLimits, *, period_scenario_s: float) -> Encoding:
    """The mapping for a mesh.

    Args:
        model: The mesh.
        limits: The shield that projects what a policy asks for.
        period_scenario_s: Seconds of the scenario's clock from one decision to the next.
    """
    place = {station.workload: w for w, station in enumerate(model.stations)}
    shifted = [k for k, call in enumerate(model.calls) if len(call.splits) > 1 and call.subsets]
    codes = Codes(
        busy_per_visit=np.array([1.0 / s.capacity_per_s for s in model.stations]),
        workers=np.array([float(s.workers) for s in model.stations]),
        least=np.array([float(s.min_replicas) for s in model.stations]),
        most=np.array([float(s.max_replicas) for s in model.stations]),
        call_source=np.array([-1 if c.source == GATEWAY else place[c.source] for c in model.calls], np.int64),
        per_request=np.array([c.per_request for c in model.calls]),
        edge_from=np.cumsum([0, *(len(c.splits) for c in model.calls)]).astype(np.int64),
        edge_to=np.array([place[workload] for _, workload in model.edges()], np.int64),
        shifted=np.array(shifted, np.int64),
        limits=np.array(
            [
                float(limits.max_step_up),
                float(limits.max_step_down),
                limits.max_weight_step_percent / 100.0,
                limits.safe_utilisation,
                np.ceil(limits.cooldown_down_s / period_scenario_s - _TINY),
            ]
        ),
    )
    of_stations = [
        f"{s.workload}: {what}"
        for s in model.stations
        for what in (
            "replicas desired / most",
            "replicas ready / most",
            "utilisation",
            "requests waiting / workers",
            "replicas that the load keeps busy / most",
            "replicas that the load keeps busy / ready",
        )
    ]
    of_mesh = [
        "load / load one period ago - 1",
        "the same one period ago",
        "slow share",
        "failed share",
        "load / highest load of the last minute",
        "load / highest load of the last minutes",
        "load / mean load of the last minutes",
    ]
    of_splits = [f"{model.calls[k].service}: weight of {model.calls[k].subsets[0]}" for k in shifted]
    return Encoding(
        model=model,
        codes=codes,
        observation_names=(*of_stations, *of_mesh, *of_splits),
        action_names=(
            *(f"{s.workload}: target utilisation" for s in model.stations),
            *(f"{model.calls[k].service}: weight of {model.calls[k].subsets[0]}" for k in shifted),
            "share of the way to the highest load of the last minutes to be ready for",
        ),
    )


@shared
def remember_load(raw: Floats, i: int, periods: float) -> None:
    """Move what mesh `i` remembers of the load on by so many periods, up to the load of now."""
    rate, kept = raw[RATE, i], LONG_MEMORY**periods
    raw[HIGH, i] = max(rate, raw[HIGH, i] * SHORT_MEMORY**periods)
    raw[HIGHEST, i] = max(rate, raw[HIGHEST, i] * kept)
    raw[USUAL, i] = rate + (raw[USUAL, i] - rate) * kept


@shared
def ready_for(raw: Floats, i: int, action: float) -> float:
    """The load, in requests per second, that the action asks mesh `i` to be ready for."""
    share = 0.5 * (min(1.0, max(-1.0, action)) + 1.0)
    return float(raw[RATE, i] + share * max(0.0, raw[HIGHEST, i] - raw[RATE, i]))


@shared
def demand(c: Codes, rate: float, weights: Floats, i: int, out: Floats) -> None:
    """How many replicas of every station `rate` requests a second keep busy; into (W,) `out`."""
    for w in range(out.shape[0]):
        out[w] = 0.0
    for k in range(c.call_source.shape[0]):
        source = c.call_source[k]
        coming = rate if source < 0 else out[source]
        for e in range(c.edge_from[k], c.edge_from[k + 1]):
            out[c.edge_to[e]] += coming * c.per_request[k] * weights[e, i]
    for w in range(out.shape[0]):
        out[w] *= c.busy_per_visit[w]


@shared
def encode(c: Codes, raw: Floats, weights: Floats, i: int, load: Floats, out: NDArray[np.float32]) -> None:
    """Scale what describes mesh `i` into row `i` of the (N, size) observations.

    Args:
        c: The mapping.
        raw: (raw_size, N), see the constants above.
        weights: (E, N)
        i: The mesh.
        load: (W,) room for the result of `demand`.
        out: (N, size)
    """
    demand(c, raw[RATE, i], weights, i, load)
    at = 0
    for w in range(c.most.shape[0]):
        row = STATIONS + PER_RAW * w
        ready = max(raw[row + READY, i], 1.0)
        out[i, at] = raw[row + DESIRED, i] / c.most[w]
        out[i, at + 1] = raw[row + READY, i] / c.most[w]
        out[i, at + 2] = min(1.0, raw[row + BUSY, i])
        out[i, at + 3] = min(4.0, raw[row + QUEUED, i] / (ready * c.workers[w])) / 4.0
        out[i, at + 4] = min(2.0, load[w] / c.most[w])
        out[i, at + 5] = min(2.0, load[w] / ready)
        at += PER_STATION
    out[i, at] = min(1.0, max(-1.0, raw[RATE, i] / max(raw[RATE_1, i], 1.0) - 1.0))
    out[i, at + 1] = min(1.0, max(-1.0, raw[RATE_1, i] / max(raw[RATE_2, i], 1.0) - 1.0))
    out[i, at + 2] = raw[SLOW, i]
    out[i, at + 3] = raw[FAILED, i]
    out[i, at + 4] = min(1.0, raw[RATE, i] / max(raw[HIGH, i], 1.0))
    out[i, at + 5] = min(1.0, raw[RATE, i] / max(raw[HIGHEST, i], 1.0))
    out[i, at + 6] = min(2.0, raw[RATE, i] / max(raw[USUAL, i], 1.0))
    at += GLOBAL
    for n in range(c.shifted.shape[0]):
        out[i, at + n] = weights[c.edge_from[c.shifted[n]], i]


@shared
def wanted_replicas(c: Codes, w: int, load: float, action: float) -> float:
    """The replicas that bring the station's load to the target utilisation that the action asks for."""
    if action >= DIRECT:
        return float(min(c.most[w], max(c.least[w], action - DIRECT)))
    at = 0.5 * (min(1.0, max(-1.0, action)) + 1.0)
    target = LOWEST_TARGET + at * (HIGHEST_TARGET - LOWEST_TARGET)
    return float(min(c.most[w], max(c.least[w], np.ceil(load / target - _TINY))))


@shared
def wanted_share(action: float, now: float) -> float:
    """The share of the first destination that the action asks for, in whole steps; `now` if it is near."""
    if action >= DIRECT:
        return float(min(1.0, action - DIRECT))
    at = 0.5 * (min(1.0, max(-1.0, action)) + 1.0)
    if abs(at - now) < WEIGHT_DEAD_BAND:
        return now
    steps = 100 // WEIGHT_STEP_PERCENT
    return float(np.floor(at * steps + 0.5) / steps)
