"""The input of planners that know the twin: the observation as the numbers of `marskit.env.encoding`."""

from collections import deque
from dataclasses import dataclass

import numpy as np

from marskit.domain.actions import Action, Scale, ShiftTraffic
from marskit.domain.topology import GATEWAY
from marskit.env.encoding import (
    BUSY,
    DESIRED,
    FAILED,
    HIGH,
    HIGHEST,
    PER_RAW,
    QUEUED,
    RATE,
    RATE_1,
    RATE_2,
    READY,
    SLOW,
    STATIONS,
    USUAL,
    Encoding,
    remember_load,
)
from marskit.mapek.plan.weights import apportion_by_name
from marskit.mesh.simulator.arrays import Floats
from marskit.planning import PlanningView

HORIZON = 4
"""Length of the forecast, in control periods."""
AHEAD = 0.5
"""Forecast = current rate + AHEAD x the last change.

An observation is a mean over two periods: a ramp is one whole change further by now, but a load that has
jumped, which is as frequent, is not. A damped trend (Gardner 1985) predicted the random loads of training
worse: 88 % mean error after a change, instead of 65 %.
"""


@dataclass(frozen=True, slots=True)
class Situation:
    """One moment of a mesh; both arrays have one column."""

    raw: Floats
    """(raw_size, 1)"""
    weights: Floats
    """(E, 1) each edge's share of its call."""


class Observer:
    """Turns planning views into situations; it remembers the loads of earlier decisions."""

    def __init__(self, encoding: Encoding, *, period_s: float) -> None:
        self._encoding = encoding
        self._period_s = period_s
        self._rates: deque[tuple[float, float]] = deque(maxlen=64)
        self._memory: tuple[float, Floats] | None = None

    def reset(self) -> None:
        """Forget all loads."""
        self._rates.clear()
        self._memory = None

    def see(self, view: PlanningView) -> Situation:
        """The present situation."""
        observation, model = view.observation, self._encoding.model
        entries = {call.service for call in model.calls_of(GATEWAY)}
        services = [service for service in observation.services if service.service in entries]
        rate = sum(
            edge.requests_per_s
            for edge in observation.edges
            if edge.edge.source == GATEWAY and edge.edge.service in entries
        )
        failed = sum(service.failures_per_s for service in services)
        slow = sum(
            (service.requests_per_s - service.failures_per_s) * (service.slow_percent or 0.0) / 100.0
            for service in services
        )
        raw = np.zeros((self._encoding.raw_size, 1))
        raw[RATE] = rate
        raw[RATE_1] = self._earlier(observation.at_s - self._period_s, rate)
        raw[RATE_2] = self._earlier(observation.at_s - 2 * self._period_s, float(raw[RATE_1, 0]))
        raw[SLOW] = slow / max(rate - failed, 1e-9)
        raw[FAILED] = failed / max(rate, 1e-9)
        self._remember(raw, observation.at_s)
        self._rates.append((observation.at_s, rate))
        for w, station in enumerate(model.stations):
            row = STATIONS + PER_RAW * w
            state = observation.workload(station.workload)
            raw[row + DESIRED] = view.configuration.replicas_of(station.workload)
            raw[row + READY] = state.replicas_assumed
            raw[row + BUSY] = state.utilisation or 0.0
            raw[row + QUEUED] = state.queued or 0.0
        return Situation(raw, self._weights(view))

    def _remember(self, raw: Floats, at_s: float) -> None:
        """Write the remembered loads into `raw`; the time before the first load does not count."""
        if self._memory is None and raw[RATE, 0] <= 0:
            return
        since_s, memory = self._memory or (at_s, np.full((3, 1), raw[RATE, 0]))
        raw[[HIGH, HIGHEST, USUAL]] = memory
        remember_load(raw, 0, (at_s - since_s) / self._period_s)
        self._memory = at_s, raw[[HIGH, HIGHEST, USUAL]]

    def _earlier(self, at_s: float, default: float) -> float:
        """The load observed at about that time."""
        near = [(abs(seen_s - at_s), rate) for seen_s, rate in self._rates]
        return min(near)[1] if near and min(near)[0] <= 0.6 * self._period_s else default

    def _weights(self, view: PlanningView) -> Floats:
        shares = []
        for call in self._encoding.model.calls:
            weights = dict(call.splits)
            if call.route is not None and call.subsets:
                route = view.configuration.route(*call.route)
                weights |= {d.workload: d.weight_percent for d in route.destinations if d.workload}
            shares += [weights[workload] / 100.0 for workload, _ in call.splits]
        return np.array(shares)[:, None]


def forecast(situation: Situation, horizon: int) -> Floats:
    """(horizon + 1,) requests per second from now on: constant, see `AHEAD`."""
    level, before = float(situation.raw[RATE, 0]), float(situation.raw[RATE_1, 0])
    expected = np.clip(level + AHEAD * (level - before), 0.3 * level, 2.0 * level)
    return np.full(horizon + 1, expected)


def current_shares(encoding: Encoding, situation: Situation) -> tuple[float, ...]:
    """The share of the first destination of every split."""
    codes = encoding.codes
    return tuple(float(situation.weights[codes.edge_from[k], 0]) for k in codes.shifted)


def scalings(encoding: Encoding, view: PlanningView, replicas: Floats) -> tuple[Action, ...]:
    """A `Scale` for every workload with another number of replicas; (W,) `replicas`."""
    return tuple(
        Scale(station.workload, int(wanted))
        for station, wanted in zip(encoding.model.stations, replicas, strict=True)
        if int(wanted) != view.configuration.replicas_of(station.workload)
    )


def shift(encoding: Encoding, k: int, now: Floats, share: float) -> ShiftTraffic:
    """The shift that gives the first destination of call `k` that share; the others stay in proportion."""
    call, first = encoding.model.calls[k], int(encoding.codes.edge_from[k])
    percent = round(100 * share)
    others = {name: round(1000 * now[first + n, 0]) for n, name in enumerate(call.subsets) if n}
    weights = {call.subsets[0]: percent, **apportion_by_name(100 - percent, others)}
    assert call.route is not None
    return ShiftTraffic(*call.route, tuple(weights.items()))
