"""The steady state of a mesh by the request-level engine: the reference for faster ones."""

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

from marskit.domain.metrics import merge
from marskit.domain.observation import Latency
from marskit.domain.topology import GATEWAY, EdgeId
from marskit.mesh.simulator.model import TwinModel
from marskit.mesh.simulator.requests import RequestTwin


class PoissonArrivals:
    """Independent requests at a constant rate."""

    def __init__(self, requests_per_s: float, seed: int) -> None:
        self._rate = requests_per_s
        self._random = Random(f"{seed}/arrivals")
        self._next_s = self._random.expovariate(requests_per_s)

    def rate_per_s(self, at_s: float) -> float:
        """The rate, at all times."""
        return self._rate

    def until(self, at_s: float) -> Sequence[float]:
        """The arrivals since the last call and before `at_s`."""
        times = []
        while self._next_s < at_s:
            times.append(self._next_s)
            self._next_s += self._random.expovariate(self._rate)
        return times


@dataclass(frozen=True, slots=True)
class EdgeVerdict:
    """One edge over the whole time."""

    latency: Latency
    mean_ms: float | None
    failed_percent: float
    retries: int


@dataclass(frozen=True, slots=True)
class Judgement:
    """The observation after the warm-up."""

    edges: dict[EdgeId, EdgeVerdict]
    users: Latency
    """Latency of successes at the gateway."""
    failed_percent: float
    """Share of failures at the gateway."""
    utilisation: dict[str, float]
    """By workload."""


def judge(
    model: TwinModel, requests_per_s: float, *, duration_s: float, warm_up_s: float, seed: int
) -> Judgement:
    """Run the mesh under a constant load and measure it."""
    twin = RequestTwin(model, PoissonArrivals(requests_per_s, seed), seed=seed)
    twin.advance(warm_up_s)
    twin.read()
    twin.advance(warm_up_s + duration_s)
    samples, workloads = twin.read()
    users = [sample for sample in samples if sample.edge.source == GATEWAY]
    together = merge(sample.successes_ms for sample in users)
    return Judgement(
        edges={
            sample.edge: EdgeVerdict(
                latency=Latency(
                    sample.successes_ms.n, *(sample.successes_ms.quantile_ms(q) for q in (0.5, 0.95, 0.99))
                ),
                mean_ms=sample.successes_ms.mean_ms(),
                failed_percent=100.0 * sample.failures / max(1, sample.requests),
                retries=sample.retries or 0,
            )
            for sample in samples
        },
        users=Latency(together.n, *(together.quantile_ms(q) for q in (0.5, 0.95, 0.99))),
        failed_percent=100.0 * sum(s.failures for s in users) / max(1, sum(s.requests for s in users)),
        utilisation={w.workload: w.utilisation or 0.0 for w in workloads},
    )
