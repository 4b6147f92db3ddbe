"""The fast twin's prediction for every edge in an observed window."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from marskit.calibration.fit import reach
from marskit.domain.goals import Goals
from marskit.domain.observation import Observation
from marskit.domain.topology import EdgeId
from marskit.mapek.monitor.measures import entry_rate
from marskit.mesh.simulator.fluid import Fluid
from marskit.mesh.simulator.kernel import Flow
from marskit.mesh.simulator.latency import draw_s, quantile
from marskit.mesh.simulator.model import Call, TwinModel

_SETTLED_TICKS = 40
_CALM = 0.01
"""Share of the load at which nothing queues."""


@dataclass(frozen=True, slots=True)
class Expected:
    """The fast twin's prediction for an edge."""

    p50_ms: float
    p95_ms: float
    calm_p95_ms: float
    """p95 at hardly any load: the rest of a p95 is waiting."""
    busiest: float
    """The highest utilisation of any workload that contributes to the response."""


def expectations(
    model: TwinModel, goals: Goals, observations: Sequence[Observation]
) -> list[dict[EdgeId, Expected]]:
    """The fast twin's prediction for every edge under the load, the replicas and the weights of each window.

    Steady state: the prediction ignores what a window inherits from the previous one.
    """
    if not observations:
        return []
    fluid, edges = Fluid(model, goals, len(observations)), list(model.edges())
    for i, observation in enumerate(observations):
        for w, station in enumerate(model.stations):
            ready = observation.workload(station.workload).replicas_assumed
            fluid.desired[w, i] = fluid.state.ready[w, i] = ready
        weights = {edge.edge: edge.weight_percent for edge in observation.edges}
        for e, (call, workload) in enumerate(edges):
            weight = weights.get(EdgeId(call.source, call.service, workload))
            if weight is not None and len(call.splits) > 1:
                fluid.weights[e, i] = weight / 100.0
    rates = np.array([entry_rate(observation) for observation in observations])
    fluid.advance(rates, rates, _SETTLED_TICKS)
    flow = fluid.advance(rates, rates, 1)
    busy = flow.busy.copy()
    p50_ms, p95_ms = _latencies_ms(fluid, flow, 0.5), _latencies_ms(fluid, flow, 0.95)
    fluid.advance(_CALM * rates, _CALM * rates, _SETTLED_TICKS)
    calm = fluid.advance(_CALM * rates, _CALM * rates, 1)
    calm_ms = _latencies_ms(fluid, calm, 0.95)
    place = {station.workload: w for w, station in enumerate(model.stations)}
    behind = {station.workload: reach(model, station.workload) for station in model.stations}
    return [
        {
            EdgeId(call.source, call.service, workload): Expected(
                p50_ms=p50_ms[e][i],
                p95_ms=p95_ms[e][i],
                calm_p95_ms=min(calm_ms[e][i], p95_ms[e][i]),
                busiest=max(float(busy[place[each], i]) for each in behind[workload]),
            )
            for e, (call, workload) in enumerate(edges)
            if rates[i] > 0.0
        }
        for i in range(len(observations))
    ]


def _latencies_ms(fluid: Fluid, flow: Flow, q: float) -> list[list[float]]:
    """The q-quantile of every edge in every mesh."""
    place = {station.workload: w for w, station in enumerate(fluid.model.stations)}
    profiles, z = fluid.structure.profile_from, NormalDist().inv_cdf(q)

    def latency_ms(e: int, call: Call, workload: str, i: int) -> float:
        if e < len(profiles) - 1:
            # Requests that make no further call differ from those that do.
            return 1000.0 * quantile(q, flow.moments, int(profiles[e]), int(profiles[e + 1]), i)
        k1, k2, k3 = (float(k) for k in flow.answer[place[workload], :, i])
        return call.hop_ms + 1000.0 * draw_s(z, k1, k2, k3)

    edges = enumerate(fluid.model.edges())
    return [[latency_ms(e, *edge, i) for i in range(fluid.n)] for e, edge in edges]
