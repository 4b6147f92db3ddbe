"""The two tests, against known values and against chance."""

import math
from random import Random

import pytest

from marskit.domain.metrics import Histogram
from marskit.mapek.analyse.hypothesis_tests import more_failures, slower


def histogram(latencies_ms: list[float]) -> Histogram:
    """Bins of 1 ms."""
    counts: dict[float, int] = {}
    for latency_ms in latencies_ms:
        lower = float(math.floor(latency_ms))
        counts[lower] = counts.get(lower, 0) + 1
    return Histogram(tuple((lower, 1.0, count) for lower, count in sorted(counts.items())))


@pytest.mark.parametrize(
    ("table", "p"),
    [
        # The lady tasting tea: all four cups (Fisher 1935), then three of them.
        ((4, 4, 0, 4), 1 / 70),
        ((3, 4, 1, 4), 17 / 70),
        ((0, 10, 5, 100), 1.0),
        ((2, 2, 0, 0), 1.0),
        # One failure, drawn by the smaller side: the chance is its share of all requests.
        ((1, 10, 0, 90), 0.1),
    ],
)
def test_failures_as_fisher_counts_them(table: tuple[int, int, int, int], p: float) -> None:
    assert more_failures(*table) == pytest.approx(p)


def test_many_requests_are_no_trouble() -> None:
    assert more_failures(50, 1_000, 100, 1_000_000) < 1e-50
    assert more_failures(5, 50_000, 100, 1_000_000) == pytest.approx(0.5, abs=0.2)


def test_failures_alike_are_rarely_called_more() -> None:
    random = Random(1)
    level, rounds = 0.05, 4_000
    alarms = 0
    for _ in range(rounds):
        ours = sum(random.random() < 0.05 for _ in range(40))
        theirs = sum(random.random() < 0.05 for _ in range(160))
        alarms += more_failures(ours, 40, theirs, 160) < level
    assert 0 < alarms / rounds < level


def test_ranks_of_five_against_five() -> None:
    # All of ours above all of theirs, without ties: U = 25, mean 12.5, variance 275 / 12.
    ours, theirs = histogram([10, 11, 12, 13, 14]), histogram([1, 2, 3, 4, 5])
    z = (25 - 12.5 - 0.5) / math.sqrt(25 * 11 / 12)
    assert slower(ours, theirs, by_ms=0.0) == pytest.approx(0.5 * math.erfc(z / math.sqrt(2)))
    # What is shifted back is not slower, and the other way round it is faster.
    assert slower(ours, theirs, by_ms=9.0) > 0.5
    assert slower(theirs, ours, by_ms=0.0) > 0.95
    assert slower(ours, theirs, by_ms=0.0, design_effect=3.0) > slower(ours, theirs, by_ms=0.0)


def test_nothing_can_be_said_without_samples_or_with_one_value_only() -> None:
    some = histogram([5.0] * 30)
    assert slower(Histogram(), some, by_ms=0.0) == 1.0
    assert slower(some, Histogram(), by_ms=0.0) == 1.0
    assert slower(some, some, by_ms=0.0) == 1.0


@pytest.mark.parametrize("n", [20, 80])
def test_latencies_alike_are_rarely_called_slower(n: int) -> None:
    random = Random(n)
    level, rounds = 0.02, 1_000
    alarms = 0
    for _ in range(rounds):
        ours = histogram([random.lognormvariate(3.5, 0.5) for _ in range(n)])
        theirs = histogram([random.lognormvariate(3.5, 0.5) for _ in range(4 * n)])
        alarms += slower(ours, theirs, by_ms=0.0) < level
    assert 0.5 * level < alarms / rounds < 1.5 * level
