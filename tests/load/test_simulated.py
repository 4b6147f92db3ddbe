import heapq
from itertools import takewhile

import pytest

from marskit.domain.load import LoadStatus
from marskit.load.arrivals import user_arrivals
from marskit.load.port import LoadError
from marskit.load.scenario import Scenario, load_scenario
from marskit.load.simulated import SimulatedLoad

SEED = 3


class HandClock:
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.now_s = 0.0

    def now(self) -> float:
        return self.now_s

    async def sleep(self, seconds: float) -> None:
        self.now_s += seconds


class Rig:
    def __init__(self, scenario: str = "spike") -> None:
        self.clock = HandClock()
        self.scenario = load_scenario(scenario)
        self.load = SimulatedLoad(self.scenario, seed=SEED, clock=self.clock)

    async def started(self, at_s: float = 0.0) -> "Rig":
        await self.load.prepare()
        self.clock.now_s = at_s
        await self.load.start("twin:test")
        return self

    def until(self, at_s: float) -> list[float]:
        self.clock.now_s = at_s
        return self.load.until(at_s)


def arrivals(scenario: Scenario, until_s: float, users: int | None = None) -> list[float]:
    streams = [
        [a.at_s for a in takewhile(lambda a: a.at_s < until_s, user_arrivals(scenario, SEED, user))]
        for user in range(users or scenario.users)
    ]
    return list(heapq.merge(*streams))


async def test_the_arrivals_are_those_of_locusts_users() -> None:
    rig = await Rig().started()
    found = [at_s for n in range(1, 61) for at_s in rig.until(n * 0.5)]
    assert found == arrivals(rig.scenario, 30.0)


async def test_they_begin_when_the_load_does() -> None:
    rig = Rig()
    assert rig.until(5.0) == []
    await rig.started(5.0)
    assert rig.until(7.0) == pytest.approx([5.0 + at_s for at_s in arrivals(rig.scenario, 2.0)])


async def test_a_factor_changes_the_number_of_users_from_now_on() -> None:
    rig = await Rig("steady").started()
    factors = {0: 1.0, 5: 3.0, 10: 0.5, 15: 2.0}
    expected, found = [], []
    for second in range(20):
        if second in factors:
            # The engine has not come as far as the clock has: what was due before keeps the former factor.
            await rig.load.set_factor(factors[second])
        users = max(1, round(rig.scenario.users * rig.load._factor))
        expected.append(sum(second <= at_s for at_s in arrivals(rig.scenario, second + 1, users)))
        rig.clock.now_s = second + 1
        if second % 2:
            found.append(len(rig.load.until(rig.clock.now_s)))
    assert found == [a + b for a, b in zip(expected[::2], expected[1::2], strict=True)]


async def test_another_scenario_begins_at_its_beginning_and_the_factor_stays() -> None:
    rig = await Rig("steady").started()
    await rig.load.set_factor(2.0)
    rig.until(4.0)
    await rig.load.set_scenario("spike")
    spike = load_scenario("spike")
    found = [at_s - 4.0 for at_s in rig.until(20.0)]
    assert found == pytest.approx(arrivals(spike, 16.0, users=2 * spike.users))
    assert rig.load.scenario.name == "spike"
    sample = await rig.load.sample()
    assert (sample.factor, sample.users) == (2.0, 2 * spike.users)
    assert sample.scenario_s == pytest.approx(16.0 * spike.speed)


async def test_the_rate_is_the_curve_times_the_factor() -> None:
    rig = Rig()
    assert rig.load.rate_per_s(1.0) == 0.0
    await rig.started(10.0)
    assert rig.load.rate_per_s(9.9) == 0.0
    at_s, speed = 18.0, rig.scenario.speed
    assert rig.load.rate_per_s(at_s) == pytest.approx(rig.scenario.rate_at(8.0 * speed))
    await rig.load.set_factor(3.0)
    assert rig.load.rate_per_s(at_s) == pytest.approx(3 * rig.scenario.rate_at(8.0 * speed))


async def test_a_sample_tells_what_is_asked_for_and_what_was_answered() -> None:
    rig = Rig()
    before = await rig.load.sample()
    assert (before.status, before.users, before.offered_requests_per_s) == (LoadStatus.STARTING, 0, 0.0)
    await rig.started(1.0)
    rig.clock.now_s = 2.0
    rig.load.answered(30, 6)
    sample = await rig.load.sample()
    assert sample.status is LoadStatus.RUNNING
    assert sample.users == rig.scenario.users
    assert sample.offered_requests_per_s == rig.scenario.rate_at(rig.scenario.speed)
    assert (sample.sent_requests_per_s, sample.failures_per_s) == (30.0, 6.0)
    for second in (3.0, 4.0, 5.0):
        rig.clock.now_s = second
        rig.load.answered(10, 0)
        sample = await rig.load.sample()
    assert (sample.sent_requests_per_s, sample.failures_per_s) == (10.0, 0.0)


async def test_after_the_stop_nothing_more_arrives() -> None:
    rig = await Rig().started()
    rig.until(1.0)
    rig.clock.now_s = 2.0
    await rig.load.stop()
    await rig.load.stop()
    assert rig.until(10.0) == [at_s for at_s in arrivals(rig.scenario, 2.0) if at_s >= 1.0]
    sample = await rig.load.sample()
    assert (sample.status, sample.users, sample.offered_requests_per_s) == (LoadStatus.STOPPED, 0, 0.0)
    with pytest.raises(LoadError, match="was stopped"):
        await rig.load.start("twin:test")


async def test_what_does_not_fit_changes_nothing() -> None:
    rig = await Rig().started()
    with pytest.raises(LoadError, match="above 0 and at most 10, not 11"):
        await rig.load.set_factor(11.0)
    with pytest.raises(LoadError, match='Unknown scenario "calm"'):
        await rig.load.set_scenario("calm")
    assert rig.until(3.0) == arrivals(rig.scenario, 3.0)
    assert rig.load.scenario.name == "spike"
