"""Canaries on trial: what is found, what is not, and how often chance is taken for it."""

from dataclasses import replace
from random import Random

import pytest

from marskit.domain.metrics import EdgeSample, Histogram, MeshSample
from marskit.domain.topology import EdgeId, Topology, Workload
from marskit.mapek.analyse.canary import LEVEL, SPANS, Canary, CanaryFinding, CanaryTrial, canaries

CANARY = Canary("v2", "v1", frozenset({"orders"}))
PERIOD = 4
"""Samples from one look to the next."""


class Traffic:
    """Requests at random: their latency has a median of 33 ms, and some fail."""

    def __init__(self, seed: int, *, per_sample: int = 50, weight: float = 0.1) -> None:
        self._random = Random(seed)
        self._per_sample = per_sample
        self._weight = weight

    def sample(
        self,
        *,
        failing: float = 0.0,
        slower_ms: float = 0.0,
        everywhere: float = 0.001,
        pause: float = 0.0,
        caller: str = "orders",
    ) -> MeshSample:
        """Half a second.

        Args:
            failing: The share that fails at the canary alone.
            slower_ms: What is added to the canary's latencies.
            everywhere: The share that fails at both.
            pause: How often a side makes half of a sample's requests wait for up to 0.3 s.
            caller: Who calls.
        """
        luck = self._random.random
        ours = sum(luck() < self._weight for _ in range(self._per_sample))
        sides = (("v2", ours, failing, slower_ms), ("v1", self._per_sample - ours, 0.0, 0.0))
        edges = []
        for workload, n, extra, more_ms in sides:
            failures = sum(luck() < everywhere + extra for _ in range(n))
            pausing_ms = 300.0 * luck() if luck() < pause else 0.0
            latencies = [
                self._random.lognormvariate(3.5, 0.5) + more_ms + pausing_ms * (luck() < 0.5)
                for _ in range(n - failures)
            ]
            edge = EdgeId(caller, "recommendations", workload)
            edges.append(EdgeSample(edge, n, failures, _histogram(latencies)))
        return MeshSample(0.0, 0.5, tuple(edges), ())


def _histogram(latencies_ms: list[float]) -> Histogram:
    counts: dict[float, int] = {}
    for latency_ms in latencies_ms:
        width = 1.0 if latency_ms < 100 else 10.0
        lower = latency_ms // width * width
        counts[lower] = counts.get(lower, 0) + 1
    return Histogram(tuple((at, 1.0 if at < 100 else 10.0, n) for at, n in sorted(counts.items())))


def look(trial: CanaryTrial, traffic: Traffic, **trouble: float) -> CanaryFinding | None:
    for _ in range(PERIOD):
        trial.add(traffic.sample(**trouble))  # type: ignore[arg-type] # shares and milliseconds by name
    return trial.look()


def well(traffic: Traffic, looks: int = 8) -> CanaryTrial:
    trial = CanaryTrial(CANARY)
    assert all(look(trial, traffic) is None for _ in range(looks))
    return trial


def looks_until_found(trial: CanaryTrial, traffic: Traffic, most: float = 40, **trouble: float) -> int:
    for number in range(1, int(most) + 1):
        if look(trial, traffic, **trouble) is not None:
            return number
    return int(most) + 1


@pytest.mark.parametrize(
    ("weight", "everywhere", "pause"),
    [(0.1, 0.001, 0.0), (0.2, 0.0, 0.05), (0.2, 0.02, 0.0), (0.5, 0.1, 0.02)],
)
def test_good_canaries_are_left_alone_however_often_one_looks(
    weight: float, everywhere: float, pause: float
) -> None:
    traffic = Traffic(7, weight=weight)
    trial = CanaryTrial(CANARY)
    found = [look(trial, traffic, everywhere=everywhere, pause=pause) for _ in range(300)]
    assert [finding for finding in found if finding is not None] == []


@pytest.mark.parametrize("weight", [0.1, 0.2])
@pytest.mark.parametrize("trouble", [{"failing": 0.05}, {"slower_ms": 100.0}], ids=["errors", "latency"])
def test_bad_canaries_are_found_soon(trouble: dict[str, float], weight: float) -> None:
    rounds = 20
    times = []
    for seed in range(rounds):
        # Of 800 requests a look, 80 or 160 are the canary's.
        traffic = Traffic(seed, per_sample=200, weight=weight)
        times.append(looks_until_found(well(traffic), traffic, **trouble))
    assert sum(time <= 2 for time in times) >= 0.9 * rounds
    assert max(times) <= 4


def test_a_small_regression_takes_longer_but_is_found() -> None:
    traffic = Traffic(3, per_sample=200)
    assert 1 < looks_until_found(well(traffic), traffic, failing=0.02) <= 20


@pytest.mark.parametrize("slower_ms", [5.0, 15.0])
def test_a_harmless_difference_never_is(slower_ms: float) -> None:
    traffic = Traffic(5, per_sample=200, weight=0.2)
    assert looks_until_found(well(traffic), traffic, most=100, slower_ms=slower_ms) == 101


def test_what_was_found_is_told_of_both() -> None:
    traffic = Traffic(1, per_sample=200)
    trial = well(traffic)
    finding = look(trial, traffic, failing=0.2)
    assert finding is not None
    ours, theirs, chance = finding.evidence
    assert (ours.metric, theirs.metric) == ("canary_error_percent", "control_error_percent")
    assert ours.value > ours.threshold == pytest.approx(theirs.value + 1.0)
    assert (chance.metric, chance.value, chance.threshold) == ("p_value", finding.p, LEVEL)
    assert finding.p < LEVEL
    assert ours.n + theirs.n == PERIOD * 200
    failures = round(ours.value * ours.n / 100)
    assert finding.sentence.startswith(f"v2 failed {failures} of {ours.n} requests, its control v1 ")
    assert finding.sentence.endswith(" in the same 2 s (p < 1e-12).")


def test_two_failures_of_a_few_requests_are_no_proof_without_a_past() -> None:
    trial = CanaryTrial(CANARY)

    def both(failures: int) -> MeshSample:
        edges = (
            EdgeSample(EdgeId("orders", "recommendations", "v2"), 10, failures),
            EdgeSample(EdgeId("orders", "recommendations", "v1"), 90),
        )
        return MeshSample(0.0, 0.5, edges, ())

    trial.add(both(2))
    assert trial.look() is None
    # The same two after a long past in which nothing of the kind was seen.
    trial = CanaryTrial(CANARY)
    for _ in range(20):
        for _ in range(10):
            trial.add(both(0))
        assert trial.look() is None
    trial.add(both(2))
    assert trial.look() is not None


def test_trouble_that_begins_for_both_accuses_neither() -> None:
    for everywhere in (0.02, 0.2):
        for seed in range(20):
            traffic = Traffic(seed, per_sample=100)
            assert looks_until_found(well(traffic, 4), traffic, most=10, everywhere=everywhere) == 11


def test_other_callers_do_not_count() -> None:
    traffic = Traffic(2)
    trial = CanaryTrial(CANARY)
    for _ in range(40):
        trial.add(traffic.sample(failing=0.5, caller="somebody"))
        assert trial.look() is None


def test_without_traffic_there_is_nothing_to_find_and_forgetting_forgets() -> None:
    traffic, idle = Traffic(4, per_sample=200), Traffic(5, per_sample=200, weight=0.0)
    trial = well(traffic)
    assert look(trial, traffic, failing=0.3) is not None
    assert look(trial, idle) is not None
    trial.forget()
    assert all(look(trial, idle) is None for _ in range(max(SPANS)))
    assert all(look(trial, traffic) is None for _ in range(max(SPANS)))


def test_canaries_are_what_the_topology_calls_so() -> None:
    old, new = Workload("v1", "shop", None), Workload("v2", "shop", None, canary_of="v1")
    edges = tuple(EdgeId(source, "shop", name) for source, name in (("a", "v1"), ("b", "v1"), ("b", "v2")))
    topology = Topology("shop", (), (old, new), edges)
    assert canaries(topology) == (Canary("v2", "v1", frozenset({"b"})),)
    assert canaries(replace(topology, workloads=(old,))) == ()
