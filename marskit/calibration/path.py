"""The latency of a call without queueing: hop, service time, and all further calls."""

from collections.abc import Sequence
from functools import cache
from math import ceil, exp, log, sqrt
from random import Random
from statistics import NormalDist

from marskit.mesh.simulator.model import Call, Distribution, Station, TwinModel

SAMPLES = 2_000


def unqueued_ms(model: TwinModel, call: Call, workload: str) -> list[float]:
    """Latencies of the call at its caller, in rising order.

    The same draws serve every model, so that a latency changes smoothly with the model's numbers.
    """
    return sorted(_answered_by(model, call, workload))


def quantile_ms(rising_ms: Sequence[float], q: float, n: int) -> float:
    """The expected q-quantile of `n` of these latencies: few samples reach less far than many.

    The k-th of n values lies at k / (n + 1) of the distribution on average (Weibull's plotting position).
    """
    place = max(1, ceil(q * n)) / (n + 1) * len(rising_ms) - 0.5
    lower = min(max(0, int(place)), len(rising_ms) - 2)
    share = min(max(0.0, place - lower), 1.0)
    return rising_ms[lower] * (1 - share) + rising_ms[lower + 1] * share


def _answered_by(model: TwinModel, call: Call, workload: str) -> list[float]:
    station = model.station(workload)
    total = [call.hop_ms + own for own in _service_ms(station)]
    # One number decides about all calls of a request: a rarer call is made only along with a more frequent
    # one.
    deciding = _uniform(f"{workload}/calls")
    for onward in model.calls_of(workload):
        for index, added in enumerate(_split(model, onward)):
            if deciding[index] < onward.per_request:
                total[index] += added
    return total


def _split(model: TwinModel, call: Call) -> list[float]:
    """Latencies of the call over all workloads that serve it, by their weights."""
    choosing = _uniform(f"{call.source}/{call.service}/split")
    latencies = [(weight / 100.0, _answered_by(model, call, workload)) for workload, weight in call.splits]
    chosen: list[float] = []
    for index, point in enumerate(choosing):
        reached = 0.0
        for share, values in latencies:
            reached += share
            if point < reached or values is latencies[-1][1]:
                chosen.append(values[index])
                break
    return chosen


def _service_ms(station: Station) -> list[float]:
    match station.distribution:
        case Distribution.CONSTANT:
            return [station.service_ms] * SAMPLES
        case Distribution.EXPONENTIAL:
            return [-station.service_ms * log(1 - u) for u in _uniform(station.workload)]
        case Distribution.LOGNORMAL:
            sigma = sqrt(log(1 + station.service_cv**2))
            median_ms = station.service_ms * exp(-(sigma**2) / 2)
            return [median_ms * exp(sigma * z) for z in _normal(station.workload)]


@cache
def _uniform(name: str) -> tuple[float, ...]:
    """Evenly spread numbers from 0 to 1, in a pseudo-random order."""
    numbers = [(index + 0.5) / SAMPLES for index in range(SAMPLES)]
    Random(name).shuffle(numbers)
    return tuple(numbers)


@cache
def _normal(name: str) -> tuple[float, ...]:
    inverse = NormalDist().inv_cdf
    return tuple(inverse(u) for u in _uniform(name))
