"""Many fast twins side by side: their state, time and inputs, around the inner loop."""

import math
from typing import NamedTuple

import numpy as np

from marskit.domain.goals import Goals
from marskit.mesh.simulator import arrays
from marskit.mesh.simulator.arrays import Floats, Parameters, Whole
from marskit.mesh.simulator.kernel import PARTS, Flow, State, advance, scale
from marskit.mesh.simulator.model import TwinModel

TICK_S = 0.2
"""Real seconds; a tenth of the demo's control period."""
LONGEST_START_S = 60.0


class Meshes(NamedTuple):
    """What the inner loop reads and writes, with `arrays.columns(n)` columns for `n` meshes."""

    parameters: Parameters
    state: State
    desired: Whole
    """(W, N) desired replicas."""
    weights: Floats
    """(E, N) each edge's share of its call."""
    flow: Flow


class Fluid:
    """`n` meshes of one model; arrays have a column for each, stations and edges in the model's order."""

    def __init__(self, model: TwinModel, goals: Goals, n: int, *, tick_s: float = TICK_S) -> None:
        self.model = model
        self.n = n
        self.tick_s = tick_s
        self.structure = arrays.structure(model, goals)
        stations, calls, profiles = (
            len(model.stations),
            len(model.calls),
            int(self.structure.profile_from[-1]),
        )
        longest = max(min(s.start_s, LONGEST_START_S) for s in model.stations)
        # Twice the longest start: randomised meshes may take longer than the model.
        self.depth = math.ceil(2.0 * longest / tick_s * PARTS) + 2
        columns = arrays.columns(n)
        self.meshes = Meshes(
            arrays.parameters(model, columns),
            State(
                inside=np.zeros((stations, columns)),
                ready=np.zeros((stations, columns), np.int64),
                starting=np.zeros((stations, self.depth, columns), np.int64),
                underway=np.zeros(columns, np.int64),
                advanced=np.zeros(columns),
                failing=np.zeros((stations, columns)),
                slowdown=np.ones((stations, columns)),
                errors=np.zeros((stations, columns)),
            ),
            np.zeros((stations, columns), np.int64),
            np.zeros((len(self.structure.edge_to), columns)),
            Flow(
                arrivals=np.zeros((stations, columns)),
                served=np.zeros((stations, columns)),
                refused=np.zeros((stations, columns)),
                busy=np.zeros((stations, columns)),
                sojourn=np.zeros((stations, 3, columns)),
                answer=np.zeros((stations, 3, columns)),
                failed=np.zeros((calls, columns)),
                called=np.zeros((calls, columns)),
                moments=np.zeros((profiles, 4, columns)),
            ),
        )
        self.parameters: Parameters = arrays.first_columns(self.meshes.parameters, n)
        self.state: State = arrays.first_columns(self.meshes.state, n)
        self.desired = self.meshes.desired[:, :n]
        self.weights = self.meshes.weights[:, :n]
        self.flow: Flow = arrays.first_columns(self.meshes.flow, n)
        self._initial = np.array([s.replicas for s in model.stations], np.int64)
        self._shares = arrays.weights(model)
        self.reset()

    def reset(self) -> None:
        """Reset all meshes to the model's initial state: empty, all replicas ready."""
        self.desired[:] = self.state.ready[:] = self._initial[:, None]
        self.weights[:] = self._shares[:, None]
        self.state.inside[:] = self.state.failing[:] = self.state.errors[:] = 0.0
        self.state.starting[:] = self.state.underway[:] = 0
        self.state.advanced[:] = 0.0
        self.state.slowdown[:] = 1.0

    def scale(self, station: int, mesh: int, replicas: int) -> None:
        """Set the desired replicas in one mesh; see `kernel.scale` for the order of removal."""
        change = replicas - int(self.desired[station, mesh])
        self.desired[station, mesh] = replicas
        ticks = float(self.parameters.start_s[station, mesh]) / self.tick_s
        scale(self.state, station, mesh, change, ticks)

    def advance(self, rate_from: Floats, rate_to: Floats, ticks: int) -> Flow:
        """Simulate `ticks` while (n,) requests per second change linearly from one rate to the other.

        The returned flow is overwritten by the next call.
        """
        parameters, state, _, weights, flow = self.meshes
        load = (rate_from, rate_to, (np.arange(ticks) + 0.5) / ticks)
        advance(self.structure, parameters, state, weights, *load, self.tick_s, flow, 0, self.n)
        return self.flow
