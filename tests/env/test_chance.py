"""What chance makes of a window, held against the engine that computes every request."""

from typing import NamedTuple

import numpy as np
import pytest
from numpy.typing import NDArray

from marskit.domain.topology import GATEWAY
from marskit.env.encoding import BUSY, DIRECT, PER_RAW, QUEUED, RATE, SLOW, STATIONS
from marskit.env.mesh_env import demo
from marskit.env.vector import EnvSettings, MeshVectorEnv
from marskit.mesh.simulator.judge import PoissonArrivals
from marskit.mesh.simulator.requests import RequestTwin

WINDOW_S = 4.0
WINDOWS = 200
REPLICAS = 2
BUSIEST = 1
"""The place of payments."""


class Windows(NamedTuple):
    """(windows,) each."""

    requests: NDArray[np.float64]
    late: NDArray[np.float64]
    busy: NDArray[np.float64]
    waiting: NDArray[np.float64]


def request_by_request(load_per_s: float) -> Windows:
    model, aims = demo()
    slo = aims.slos[0]
    twin = RequestTwin(model, PoissonArrivals(load_per_s, 1), seed=1)
    twin.advance(20.0)
    twin.read()
    rows = []
    for n in range(WINDOWS):
        twin.advance(20.0 + (n + 1) * WINDOW_S)
        edges, workloads = twin.read()
        users = [edge for edge in edges if edge.edge.source == GATEWAY]
        bins = [each for edge in users for each in edge.successes_ms.bins]
        late = sum(count for lower, width, count in bins if lower + width / 2 > slo.latency_ms)
        busiest = workloads[BUSIEST]
        rows.append((sum(e.requests for e in users), late, busiest.utilisation or 0.0, busiest.queued or 0.0))
    return Windows(*np.array(rows, np.float64).T)


def environment(load_per_s: float) -> Windows:
    model, aims = demo()
    meshes, periods = 16, 40
    env = MeshVectorEnv(model, aims, meshes, settings=EnvSettings(periods=periods, spread=0.0), seed=1)
    env.reset(options={"rates": np.full((2 * periods, meshes), load_per_s)})
    actions = np.zeros((meshes, env.encoding.action_size), np.float32)
    actions[:, : len(model.stations)] = DIRECT + REPLICAS
    rows = []
    for period in range(periods - 1):
        env.step(actions)
        # A window is two periods, and the first ones are on the way to the steady state.
        if period > 5 and period % 2:
            raw, row = env.run.raw, STATIONS + PER_RAW * BUSIEST
            requests = raw[RATE] * WINDOW_S
            rows.append((requests, raw[SLOW] * requests, raw[row + BUSY], raw[row + QUEUED]))
    return Windows(*np.array(rows).transpose(1, 0, 2).reshape(4, -1))


@pytest.mark.parametrize("load_per_s", [80.0, 100.0])
def test_counts_queues_and_utilisation_vary_as_those_of_single_requests(load_per_s: float) -> None:
    single, seen = request_by_request(load_per_s), environment(load_per_s)
    assert seen.requests.std() == pytest.approx(single.requests.std(), rel=0.25)
    assert seen.busy.mean() == pytest.approx(single.busy.mean(), rel=0.02)
    assert seen.busy.std() == pytest.approx(single.busy.std(), rel=0.25)
    assert (seen.waiting == 0).mean() == pytest.approx((single.waiting == 0).mean(), abs=0.15)
    assert seen.waiting.std() == pytest.approx(single.waiting.std(), rel=0.6)


def test_slow_requests_come_in_clusters() -> None:
    single, seen = request_by_request(100.0), environment(100.0)
    for windows in (single, seen):
        # Were they independent of each other, it would be 1.
        assert 20 < windows.late.var() / windows.late.mean() < 120
    missed = [float((w.late > 0.05 * w.requests).mean()) for w in (single, seen)]
    assert missed[1] == pytest.approx(missed[0], abs=0.15)


def test_a_backlog_is_no_chance() -> None:
    seen = environment(300.0)
    assert (seen.busy == 1.0).all()
    assert seen.late.std() < 0.3 * seen.late.mean()
    assert seen.waiting.min() > 0
