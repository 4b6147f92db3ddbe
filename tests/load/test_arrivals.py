import heapq
import math
from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import islice, takewhile
from statistics import fmean, variance

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from marskit.load.arrivals import Arrival, user_arrivals
from marskit.load.curves import Ramp, Steady, Trace
from marskit.load.scenario import Scenario, list_scenarios, load_scenario


def all_arrivals(scenario: Scenario, seed: int, until_s: float, users: int | None = None) -> list[Arrival]:
    streams: list[Iterator[Arrival]] = [
        takewhile(lambda arrival: arrival.at_s < until_s, user_arrivals(scenario, seed, user))
        for user in range(users or scenario.users)
    ]
    return list(heapq.merge(*streams, key=lambda arrival: arrival.at_s))


def expected_count(scenario: Scenario, until_s: float) -> float:
    """The integral of the rate over real time."""
    step_s = 0.01
    return step_s * sum(
        scenario.rate_at((n + 0.5) * step_s * scenario.speed) for n in range(round(until_s / step_s))
    )


def counts_in(arrivals: Iterable[Arrival], length_s: float, bins: int) -> list[int]:
    """How many arrive in each of so many bins of that length."""
    counts = [0] * bins
    for arrival in takewhile(lambda arrival: arrival.at_s < length_s * bins, arrivals):
        counts[int(arrival.at_s / length_s)] += 1
    return counts


@pytest.mark.parametrize("name", list_scenarios())
def test_the_count_is_the_integral_of_the_rate(name: str) -> None:
    scenario = load_scenario(name)
    until_s = scenario.duration_s / scenario.speed * 1.2
    expected = expected_count(scenario, until_s)
    found = len(all_arrivals(scenario, 1, until_s))
    # Four standard deviations of a Poisson count.
    assert abs(found - expected) < 4 * math.sqrt(expected)


def test_the_rate_follows_the_curve_second_by_second() -> None:
    scenario = load_scenario("spike")
    arrivals = [arrival.at_s for seed in range(30) for arrival in all_arrivals(scenario, seed, 50)]
    for second in range(50):
        found = sum(second <= at_s < second + 1 for at_s in arrivals)
        expected = 30 * fmean(scenario.rate_at((second + n / 100) * scenario.speed) for n in range(100))
        assert abs(found - expected) < 4.5 * math.sqrt(expected), f"in second {second}"


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 2**63), user=st.integers(0, 10_000))
def test_the_same_seed_and_user_give_the_same_arrivals_in_order(seed: int, user: int) -> None:
    scenario = load_scenario("flash-crowd")
    first = list(islice(user_arrivals(scenario, seed, user), 50))
    assert first == list(islice(user_arrivals(scenario, seed, user), 50))
    times = [arrival.at_s for arrival in first]
    assert times == sorted(times)
    assert times[0] > 0
    other = list(islice(user_arrivals(scenario, seed, user + 1), 50))
    assert times != [arrival.at_s for arrival in other]


def test_the_arrivals_of_a_seed_never_change() -> None:
    # Recorded runs are compared by seed: a change here makes old and new runs incomparable.
    found = [
        (round(arrival.at_s, 6), arrival.request.name)
        for arrival in islice(user_arrivals(load_scenario("spike"), 7, 3), 3)
    ]
    assert found == [(1.016571, "order"), (1.742358, "order"), (2.040575, "order")]


def test_users_are_independent() -> None:
    scenario = replace(load_scenario("steady"), curve=Steady(40), users=2, duration_s=1e6)
    first, second = (counts_in(user_arrivals(scenario, 5, user), 1.0, 3000) for user in (0, 1))
    mean_a, mean_b = fmean(first), fmean(second)
    covariance = fmean((a - mean_a) * (b - mean_b) for a, b in zip(first, second, strict=True))
    correlation = covariance / math.sqrt(variance(first) * variance(second))
    assert abs(correlation) < 4 / math.sqrt(3000)


@pytest.mark.parametrize("users", [1, 7, 40])
def test_together_they_are_poisson(users: int) -> None:
    scenario = replace(load_scenario("steady"), curve=Steady(20), users=users, duration_s=1e6)
    counts = counts_in(all_arrivals(scenario, 11, 2000.0), 0.5, 4000)
    # The index of dispersion of n Poisson counts is 1 with a standard deviation of sqrt(2 / n).
    assert fmean(counts) == pytest.approx(10, rel=0.02)
    assert variance(counts) / fmean(counts) == pytest.approx(1, abs=4 * math.sqrt(2 / 4000))


def test_the_mix_follows_the_weights_and_does_not_move_the_times() -> None:
    scenario = load_scenario("canary")
    arrivals = all_arrivals(scenario, 3, 80)
    weights = {request.name: request.weight for request in scenario.requests}
    for name, weight in weights.items():
        share = weight / sum(weights.values())
        found = sum(arrival.request.name == name for arrival in arrivals)
        assert abs(found - share * len(arrivals)) < 4 * math.sqrt(len(arrivals) * share * (1 - share))
    single = replace(scenario, requests=scenario.requests[:1])
    assert [a.at_s for a in all_arrivals(single, 3, 80)] == [a.at_s for a in arrivals]


def test_the_last_rate_holds_after_the_end() -> None:
    scenario = replace(load_scenario("ramp"), curve=Ramp(10, 100, 0, 75), duration_s=75, speed=7.5)
    after = [arrival for arrival in all_arrivals(scenario, 2, 60) if arrival.at_s >= 10]
    assert len(after) == pytest.approx(100 * 50, rel=0.06)


def test_a_scenario_that_ends_at_rate_zero_ends() -> None:
    scenario = replace(load_scenario("trace"), curve=Trace((0, 75), (50, 0)), duration_s=75, speed=7.5)
    arrivals = [arrival for user in range(scenario.users) for arrival in user_arrivals(scenario, 0, user)]
    assert max(arrival.at_s for arrival in arrivals) < 10
    assert len(arrivals) == pytest.approx(250, rel=0.25)
