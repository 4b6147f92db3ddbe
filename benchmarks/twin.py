"""The fast engine against the request-level one: latency over a grid of loads and replicas, and its speed.

Run: `python -m benchmarks.twin`
"""

import time
from collections.abc import Callable
from dataclasses import replace
from statistics import median

import numpy as np
from numpy.typing import NDArray

from benchmarks.report import Figure, show
from marskit.demo import DEMO_MANIFESTS
from marskit.domain.goals import Goals
from marskit.env.mesh_env import MeshEnv
from marskit.env.vector import EnvSettings, MeshVectorEnv
from marskit.mesh.manifests.graph import goals
from marskit.mesh.manifests.load import load_mesh
from marskit.mesh.simulator.fluid import Fluid
from marskit.mesh.simulator.judge import judge
from marskit.mesh.simulator.model import Balancer, Call, Distribution, Station, TwinModel
from tests.mesh.simulator.moments import quantile_s

UTILISATIONS = (0.2, 0.4, 0.6, 0.75, 0.85, 0.93)
REPLICAS = (1, 2, 3, 4, 6)
REQUESTS = 20_000
"""Judged in every point."""
ROUNDS = 10


def measure() -> int:
    config = load_mesh(DEMO_MANIFESTS, mapping=None)
    model, aims = twin_of_demo(), goals(config)
    p95, p50 = errors(model, aims)
    eleven = chain(11)
    one_mesh = "one mesh, Gymnasium's API"
    rates = {
        one_mesh: single_steps_per_s(model, aims),
        "one mesh, vector API": steps_per_s(model, aims, 1, threads=1),
        "1,024 meshes, one core": steps_per_s(model, aims, 1024, threads=1),
        "1,024 meshes, two cores": steps_per_s(model, aims, 1024, threads=2),
        "1,024 meshes of 11 services, one core": steps_per_s(eleven, Goals(()), 1024, threads=1),
    }
    bars = dict(zip(rates, (100_000, 100_000, 600_000, 1_000_000, 100_000), strict=True))
    times_real = median(rates[one_mesh]) * EnvSettings().period_s
    figures = [
        Figure(
            f"p95 of users against the request-level engine ({len(p95)} points)",
            f"median error {median(p95):.1f} %, worst {max(p95):.1f} %",
            "10 %",
            median(p95) <= 10,
        ),
        Figure("p50 likewise", f"median error {median(p50):.1f} %, worst {max(p50):.1f} %", "", None),
        *(
            Figure(
                f"environment steps a second, {name}",
                f"{median(rounds):,.0f} (median of {len(rounds)}, {min(rounds):,.0f} to {max(rounds):,.0f})",
                f"{bars[name]:,}",
                median(rounds) >= bars[name],
            )
            for name, rounds in rates.items()
        ),
        Figure(
            "mesh time in real time, one mesh",
            f"{times_real:,.0f} times",
            "1,000 times",
            times_real >= 1000,
        ),
    ]
    return show("The twin", figures)


def twin_of_demo() -> TwinModel:
    from marskit.mesh.simulator.compile import twin_model

    return twin_model(load_mesh(DEMO_MANIFESTS, mapping=None))


def errors(model: TwinModel, aims: Goals) -> tuple[list[float], list[float]]:
    """Errors in percent of p95 and p50, over utilisations of the bottleneck and numbers of its replicas."""
    visits = model.visits()
    p95, p50 = [], []
    for replicas in REPLICAS:
        stations = tuple(
            replace(s, replicas=replicas if s.workload == "payments" else 6) for s in model.stations
        )
        scaled = replace(model, stations=stations)
        station = scaled.station("payments")
        for utilisation in UTILISATIONS:
            rate = utilisation * replicas * station.capacity_per_s / visits["payments"]
            seen = judge(scaled, rate, duration_s=REQUESTS / rate, warm_up_s=20.0, seed=1)
            fluid = Fluid(scaled, aims, 1)
            for _ in range(20):
                flow = fluid.advance(np.array([rate]), np.array([rate]), 10)
            moments = flow.moments[:, :, 0]
            assert seen.users.p95_ms is not None
            assert seen.users.p50_ms is not None
            p95.append(100 * abs(1000 * quantile_s(0.95, moments) / seen.users.p95_ms - 1))
            p50.append(100 * abs(1000 * quantile_s(0.5, moments) / seen.users.p50_ms - 1))
    return p95, p50


def steps_per_s(model: TwinModel, aims: Goals, n: int, *, threads: int) -> list[float]:
    """Environment steps a second of `n` meshes side by side, for each round."""
    env = MeshVectorEnv(model, aims, n, threads=threads)
    env.reset(seed=0)
    periods = env.settings.periods
    actions = random_actions((periods, n, env.encoding.action_size))
    found = rounds_per_s(env.step, actions, episodes=max(1, round(200_000 / (n * periods))), meshes=n)
    env.close()
    return found


def single_steps_per_s(model: TwinModel, aims: Goals) -> list[float]:
    """Environment steps a second of one mesh through Gymnasium's own API, for each round."""
    env = MeshEnv(model, aims)
    env.reset(seed=0)
    periods = EnvSettings().periods
    actions = random_actions((periods, len(env.action_names)))
    found = rounds_per_s(env.step, actions, episodes=round(200_000 / periods), meshes=1)
    env.close()
    return found


def random_actions(shape: tuple[int, ...]) -> list[NDArray[np.float32]]:
    """One episode's actions, drawn beforehand: NumPy takes as long for one as a step does."""
    return list(np.random.default_rng(0).uniform(-1, 1, shape).astype(np.float32))


def rounds_per_s(
    step: Callable[[NDArray[np.float32]], object],
    actions: list[NDArray[np.float32]],
    *,
    episodes: int,
    meshes: int,
) -> list[float]:
    """Steps of all meshes a second, new episodes included, for each of the rounds."""
    found = []
    for _ in range(ROUNDS):
        started_s = time.perf_counter()
        for _ in range(episodes):
            for action in actions:
                step(action)
        found.append(meshes * episodes * len(actions) / (time.perf_counter() - started_s))
    return found


def chain(services: int) -> TwinModel:
    """A frontend that calls seven services, one of which, the checkout, calls three more."""
    names = [f"service-{k}" for k in range(services)]
    stations = tuple(
        Station(name, name, 2, 1, 8, 4, 10.0, 0.7, Distribution.LOGNORMAL, 50, Balancer.LEAST_REQUEST, 0.6)
        for name in names
    )
    callers = ["ingress", *[names[0]] * 7, *[names[7]] * (services - 8)]
    calls = tuple(
        Call(source, name, 1.0, 1.0, ((name, 100),), None)
        for source, name in zip(callers, names, strict=True)
    )
    return TwinModel(stations, calls)


if __name__ == "__main__":
    raise SystemExit(measure())
