"""The one mapping between observations and a policy's input, and between its output and actions.

The environment and the planner that runs a trained policy both use it, so that a policy sees the same numbers
in the twin, on Envoy and on a cluster.
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
"""Raised whenever a number changes its place or meaning; policies of other versions are refused."""
PER_STATION = 6
GLOBAL = 7
LOWEST_TARGET, HIGHEST_TARGET = 0.3, 1.0
"""Range of the target utilisations that an action can set."""
WEIGHT_STEP_PERCENT = 10
"""Step of the weights that an action can set, so that a policy's noise does not shift traffic."""
SHORT_MEMORY, LONG_MEMORY = 0.85, 0.97
"""Decay of the recent peak load per period: half is left after 4 and after 23 periods."""
# The description of a mesh before scaling: three rates, two shares, the memory of the load (two recent peaks
# and its mean), then four numbers per station.
RATE, RATE_1, RATE_2, SLOW, FAILED, HIGH, HIGHEST, USUAL, STATIONS = range(9)
DESIRED, READY, BUSY, QUEUED, PER_RAW = range(5)
WEIGHT_DEAD_BAND = 0.1
"""Smallest change of a weight: every shift costs as much as a scaling."""
DIRECT = 10.0
"""Offset above which an action is direct: DIRECT + replicas, DIRECT + share.

It lies outside the action space, so that rules without target utilisations can be compared with policies.
"""
_TINY = 1e-9


class Codes(NamedTuple):
    """The mapping's constants; W stations, K calls, E edges, S calls whose traffic can be shifted."""

    busy_per_visit: Floats
    """(W,) replicas that one visit per second keeps busy."""
    workers: Floats
    """(W,)"""
    least: Floats
    """(W,) minimum of replicas."""
    most: Floats
    """(W,) maximum of replicas."""
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
    """The inputs and outputs of a policy for one mesh, in order."""

    model: TwinModel
    codes: Codes
    observation_names: tuple[str, ...]
    action_names: tuple[str, ...]

    @property
    def observation_size(self) -> int:
        """Number of values in an observation."""
        return len(self.observation_names)

    @property
    def action_size(self) -> int:
        """Number of values in an action, each from -1 to 1."""
        return len(self.action_names)

    @property
    def raw_size(self) -> int:
        """Number of values that describe a mesh before scaling."""
        return STATIONS + PER_RAW * len(self.model.stations)

    def schema(self) -> dict[str, Any]:
        """The mesh description in a policy file; JSON."""
        return {
            "version": VERSION,
            "observation": list(self.observation_names),
            "action": list(self.action_names),
            "most_replicas": [s.max_replicas for s in self.model.stations],
        }


def renewed(known: Encoding, model: TwinModel) -> Encoding:
    """The same mapping for a mesh of the same shape with new parameters."""
    codes = known.codes._replace(
        busy_per_visit=np.array([1.0 / s.capacity_per_s for s in model.stations]),
        per_request=np.array([c.per_request for c in model.calls]),
    )
    return replace(known, model=model, codes=codes)


def encoding(model: TwinModel, limits: ShieldLimits, *, period_scenario_s: float) -> Encoding:
    """The mapping for a mesh.

    Args:
        model: The mesh.
        limits: The shield that limits a policy's actions.
        period_scenario_s: Scenario seconds from one decision to the next.
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
    """Move mesh `i`'s memory of the load forward by that many periods, up to the present load."""
    rate, kept = raw[RATE, i], LONG_MEMORY**periods
    raw[HIGH, i] = max(rate, raw[HIGH, i] * SHORT_MEMORY**periods)
    raw[HIGHEST, i] = max(rate, raw[HIGHEST, i] * kept)
    raw[USUAL, i] = rate + (raw[USUAL, i] - rate) * kept


@shared
def ready_for(raw: Floats, i: int, action: float) -> float:
    """The load, in requests per second, that the action makes mesh `i` prepare for."""
    share = 0.5 * (min(1.0, max(-1.0, action)) + 1.0)
    return float(raw[RATE, i] + share * max(0.0, raw[HIGHEST, i] - raw[RATE, i]))


@shared
def demand(c: Codes, rate: float, weights: Floats, i: int, out: Floats) -> None:
    """The number of replicas that `rate` requests per second keep busy; into (W,) `out`."""
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
    """Scale the description of mesh `i` into row `i` of the (N, size) observations.

    Args:
        c: The mapping.
        raw: (raw_size, N), see the constants above.
        weights: (E, N)
        i: The mesh.
        load: (W,) working space for `demand`.
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
    """The replicas that bring the station's load to the action's target utilisation."""
    if action >= DIRECT:
        return float(min(c.most[w], max(c.least[w], action - DIRECT)))
    at = 0.5 * (min(1.0, max(-1.0, action)) + 1.0)
    target = LOWEST_TARGET + at * (HIGHEST_TARGET - LOWEST_TARGET)
    return float(min(c.most[w], max(c.least[w], np.ceil(load / target - _TINY))))


@shared
def wanted_share(action: float, now: float) -> float:
    """The action's share for the first destination, in whole steps; `now` if it is close."""
    if action >= DIRECT:
        return float(min(1.0, action - DIRECT))
    at = 0.5 * (min(1.0, max(-1.0, action)) + 1.0)
    if abs(at - now) < WEIGHT_DEAD_BAND:
        return now
    steps = 100 // WEIGHT_STEP_PERCENT
    return float(np.floor(at * steps + 0.5) / steps)
