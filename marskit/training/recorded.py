"""Experience from recorded runs: cycles as the transitions that SAC's replay buffer begins with.

Executed actions count, whatever their origin. An observation covers two control periods, so the reward of a
decision is that of the window in which its effect shows; the environment's own covers one period.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from marskit.agents.situation import Observer, Situation
from marskit.domain.config import Configuration
from marskit.domain.records import Cycle, Outcome
from marskit.domain.topology import GATEWAY
from marskit.env.encoding import (
    DESIRED,
    HIGHEST_TARGET,
    LOWEST_TARGET,
    PER_RAW,
    RATE,
    STATIONS,
    Encoding,
    demand,
    encode,
)
from marskit.env.step import Prices
from marskit.knowledge.read.runs import StoredRun
from marskit.planning import PlanningView
from marskit.training.rules import as_action
from marskit.training.settings import TrainingError

Floats32 = NDArray[np.float32]
_TINY = 1e-9


@dataclass(frozen=True, slots=True)
class Transitions:
    """T steps; the arrays have a row for each."""

    observations: Floats32
    """(T, O)"""
    actions: Floats32
    """(T, A) actions that would have led to the executed ones."""
    rewards: Floats32
    """(T,)"""
    following: Floats32
    """(T, O)"""


def transitions(
    runs: Iterable[StoredRun], encoding: Encoding, settings: Configuration, prices: Prices, *, period_s: float
) -> Transitions:
    """Every pair of adjacent cycles of the runs, one control period apart, as one step.

    Args:
        runs: The recorded runs, of the mesh to train for.
        encoding: The encoding of that mesh.
        settings: The manifests' configuration; routes and replicas are set to those of each cycle.
        prices: The prices for the reward.
        period_s: Real seconds of a control period; cycles further apart are not a step.

    Raises:
        TrainingError: A run belongs to another mesh, or no run contains a step.
    """
    rows = [step for run in runs for step in _steps(run, encoding, settings, prices, period_s)]
    if not rows:
        raise TrainingError(
            f"the recorded runs contain no two cycles about {period_s:g} s apart to start from"
        )
    observations, actions, rewards, following = zip(*rows, strict=True)
    return Transitions(
        np.stack(observations), np.stack(actions), np.array(rewards, np.float32), np.stack(following)
    )


def _steps(
    run: StoredRun, encoding: Encoding, settings: Configuration, prices: Prices, period_s: float
) -> Iterable[tuple[Floats32, Floats32, float, Floats32]]:
    workloads = {w.name for w in run.started.topology.workloads}
    ours = {station.workload for station in encoding.model.stations}
    if workloads != ours:
        raise TrainingError(
            f"run {run.started.run} belongs to another mesh: its workloads are "
            f"{', '.join(sorted(workloads))}, "
            f"those of the manifests {', '.join(sorted(ours))}"
        )
    observer = Observer(encoding, period_s=period_s)
    cycles = [record.cycle for record in run.records]
    seen = [observer.see(_view(cycle, run, settings)) for cycle in cycles]
    encoded = [_encoded(encoding, situation) for situation in seen]
    for (n, before), (m, after) in pairwise(enumerate(cycles)):
        apart_s = after.observation.at_s - before.observation.at_s
        if abs(apart_s - period_s) > 0.5 * period_s:
            continue
        executed = sum(execution.outcome is Outcome.APPLIED for execution in before.executions)
        action = _asking_for(encoding, seen[n], seen[m])
        yield encoded[n], action, _reward(seen[m], after, prices, executed, period_s), encoded[m]


def _view(cycle: Cycle, run: StoredRun, settings: Configuration) -> PlanningView:
    """The planner's view, as far as the encoding needs it."""
    observation = cycle.observation
    replicas = {w.workload: w.replicas_desired for w in observation.workloads}
    weights = {edge.edge.workload: edge.weight_percent for edge in observation.edges}
    routes = tuple(
        replace(
            route,
            destinations=tuple(
                replace(d, weight_percent=_or(weights.get(d.workload or ""), d.weight_percent))
                for d in route.destinations
            )
            if len(route.destinations) > 1
            else route.destinations,
        )
        for route in settings.routes
    )
    return PlanningView(
        now_s=observation.at_s,
        speed=1.0,
        topology=run.started.topology,
        configuration=replace(
            settings,
            replicas=tuple((name, replicas.get(name, count)) for name, count in settings.replicas),
            routes=routes,
        ),
        goals=run.started.goals,
        observation=observation,
        recent=(),
        cycles=(),
    )


def _or(value: int | None, default: int) -> int:
    return default if value is None else value


def _encoded(encoding: Encoding, situation: Situation) -> Floats32:
    out = np.zeros((1, encoding.observation_size), np.float32)
    room = np.zeros(len(encoding.model.stations))
    encode(encoding.codes, situation.raw, situation.weights, 0, room, out)
    return np.asarray(out[0])


def _asking_for(encoding: Encoding, now: Situation, then: Situation) -> Floats32:
    """The action that would lead to the next situation, as closely as possible.

    Many targets lead to the same number of replicas; the middle one is taken.
    """
    codes = encoding.codes
    stations = len(codes.most)
    load = np.zeros(stations)
    demand(codes, float(now.raw[RATE, 0]), now.weights, 0, load)
    replicas = then.raw[STATIONS + DESIRED :: PER_RAW, 0]
    lowest = np.where(replicas < codes.most, load / np.maximum(replicas, 1.0), LOWEST_TARGET)
    highest = np.where(replicas > codes.least, load / np.maximum(replicas - 1.0, 0.5), HIGHEST_TARGET)
    low, high = (np.clip(edge, LOWEST_TARGET, HIGHEST_TARGET) for edge in (lowest, highest))
    targets = as_action(0.5 * (low + high))
    shares = then.weights[codes.edge_from[codes.shifted], 0]
    return np.concatenate([targets, 2.0 * shares - 1.0, [-1.0]]).astype(np.float32)


def _reward(then: Situation, cycle: Cycle, prices: Prices, executed: int, period_s: float) -> float:
    """The environment's reward for the window that the cycle observed."""
    into = {edge.edge.service for edge in cycle.observation.edges if edge.edge.source == GATEWAY}
    services = [s for s in cycle.observation.services if s.service in into]
    good = sum(s.requests_per_s - s.failures_per_s for s in services)
    failed = sum(s.failures_per_s for s in services)
    late = sum((s.requests_per_s - s.failures_per_s) * (s.slow_percent or 0.0) / 100.0 for s in services)
    replicas = float(then.raw[STATIONS + DESIRED :: PER_RAW, 0].sum())
    missed = max(
        late / max(good, _TINY) / prices.allowed, failed / max(good + failed, _TINY) / prices.failing
    )
    utility = good - 2.0 * late - failed - replicas * prices.replica - executed * prices.action / period_s
    return float((utility - prices.breach * min(1.0, missed) ** prices.steepness) / prices.scale)
