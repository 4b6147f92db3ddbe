"""The load port in virtual time: the requests that Locust's users would send, without sending them."""

from bisect import bisect_left
from collections.abc import Iterator
from heapq import heapify, heappop, heappush, heapreplace

from marskit.domain.events import ScenarioInfo
from marskit.domain.load import ClientCounts, LoadSample, LoadStatus, RequestFailure, counted
from marskit.load.arrivals import Arrival, user_arrivals
from marskit.load.port import LoadError, check_factor
from marskit.load.rates import Rates
from marskit.load.scenario import Scenario, ScenarioError, list_scenarios, load_scenario
from marskit.timing.clock import Clock


class SimulatedLoad:
    """Follows a scenario, and passes its arrivals to the simulator of the mesh.

    The same scenario, seed and number of users give the same arrivals as with Locust.
    """

    def __init__(self, scenario: Scenario, *, seed: int, clock: Clock) -> None:
        self._scenario = scenario
        self._info = scenario.info()
        self._seed = seed
        self._clock = clock
        self._status = LoadStatus.STARTING
        self._factor = 1.0
        self._begun_s = 0.0
        self._crowd: _Crowd | None = None
        self._due: list[float] = []
        """Arrivals that were drawn but not passed on yet."""
        self._requests = self._failures = self._offered = 0
        self._rates = Rates()

    @property
    def scenario(self) -> ScenarioInfo:
        """The present scenario, or the one to follow once the load starts."""
        return self._info

    @property
    def scenarios(self) -> tuple[str, ...]:
        """The names that `set_scenario` accepts."""
        return list_scenarios()

    async def prepare(self) -> None:
        """Does nothing."""

    async def start(self, gateway_url: str) -> None:
        """Start the curve at its beginning; raises `LoadError` once the load was stopped."""
        if self._status is LoadStatus.STOPPED:
            raise LoadError("The load was stopped.")
        self._status = LoadStatus.RUNNING
        self._rates.read(self._clock.now(), self._requests, self._failures)
        if self._crowd is None:
            self._begin()

    def resume(self, *, begun_s: float, factor: float, now_s: float) -> None:
        """Continue a curve that began at `begun_s`; arrivals before `now_s` are skipped.

        Times are seconds on the clock, which may not have reached them yet. `start` then does nothing.
        """
        self._status = LoadStatus.RUNNING
        self._factor = factor
        self._begun_s = begun_s
        self._crowd = _Crowd(self._scenario, self._seed)
        self._crowd.become(self._users, now_s - begun_s)

    async def sample(self) -> LoadSample:
        """The present state of the load."""
        at_s = self._clock.now()
        running = self._status is LoadStatus.RUNNING
        begun = self._status is not LoadStatus.STARTING
        sent, failed = self._rates.read(at_s, self._requests, self._failures) if running else (0.0, 0.0)
        return LoadSample(
            at_s=at_s,
            status=self._status,
            users=self._users if running else 0,
            factor=self._factor,
            scenario_s=(at_s - self._begun_s) * self._scenario.speed if begun else 0.0,
            offered_requests_per_s=self.rate_per_s(at_s),
            sent_requests_per_s=sent,
            failures_per_s=failed,
            counts=ClientCounts(
                self._offered,
                self._requests - self._failures,
                # The mesh's proxy answers whatever fails behind it.
                counted([(RequestFailure.STATUS_5XX, self._failures)]),
            ),
        )

    async def set_factor(self, factor: float) -> None:
        """Multiply the curve's rate from now on, by changing the number of users.

        Raises:
            LoadError: The factor is out of range.
        """
        check_factor(factor)
        self._draw(self._clock.now())
        self._factor = factor
        if self._crowd is not None:
            self._crowd.become(self._users, self._clock.now() - self._begun_s)

    async def set_scenario(self, scenario: str) -> None:
        """Follow another scenario (or the same) from its beginning; the factor stays.

        Raises:
            LoadError: The scenario does not exist, or is wrong.
        """
        try:
            # The present one may be a file of the user's, which has no place among the shipped names.
            following = self._scenario if scenario == self._scenario.name else load_scenario(scenario)
        except ScenarioError as error:
            raise LoadError(str(error)) from error
        self._draw(self._clock.now())
        self._scenario, self._info = following, following.info()
        if self._status is LoadStatus.RUNNING:
            self._begin()

    async def stop(self) -> None:
        """Stop sending."""
        self._draw(self._clock.now())
        self._crowd = None
        self._status = LoadStatus.STOPPED

    def rate_per_s(self, at_s: float) -> float:
        """The expected rate of requests at that time."""
        if self._status is not LoadStatus.RUNNING or at_s < self._begun_s:
            return 0.0
        scenario = self._scenario
        return scenario.rate_at((at_s - self._begun_s) * scenario.speed) * self._users / scenario.users

    def until(self, at_s: float) -> list[float]:
        """The arrivals since the last call and before `at_s`, in order."""
        self._draw(at_s)
        count = bisect_left(self._due, at_s)
        due, self._due = self._due[:count], self._due[count:]
        self._offered += count
        return due

    def answered(self, requests: int, failures: int) -> None:
        """Count the mesh's responses since the last call, as Locust counts its responses."""
        self._requests += requests
        self._failures += failures

    @property
    def _users(self) -> int:
        return max(1, round(self._scenario.users * self._factor))

    def _begin(self) -> None:
        self._begun_s = self._clock.now()
        self._crowd = _Crowd(self._scenario, self._seed)
        self._crowd.become(self._users, 0.0)

    def _draw(self, until_s: float) -> None:
        if self._crowd is not None:
            self._due += (self._begun_s + at_s for at_s in self._crowd.draw(until_s - self._begun_s))


class _Crowd:
    """The users of one scenario, whose number may change; times count from its beginning."""

    def __init__(self, scenario: Scenario, seed: int) -> None:
        self._scenario = scenario
        self._seed = seed
        self._streams: list[Iterator[Arrival]] = []
        self._next: list[tuple[float, int]] = []
        """A heap of the present users' next arrivals."""
        self._away: dict[int, float | None] = {}
        """The absent users' next arrivals; None if there are none."""
        self._size = 0

    def become(self, size: int, now_s: float) -> None:
        """Let users join or leave; a returning user skips the arrivals in the meantime."""
        for user in range(len(self._streams), size):
            self._streams.append(user_arrivals(self._scenario, self._seed, user))
            self._away[user] = self._following(user)
        for user in range(self._size, size):
            at_s = self._away.pop(user, None)
            while at_s is not None and at_s < now_s:
                at_s = self._following(user)
            if at_s is not None:
                heappush(self._next, (at_s, user))
        self._away |= {user: at_s for at_s, user in self._next if user >= size}
        self._next = [(at_s, user) for at_s, user in self._next if user < size]
        heapify(self._next)
        self._size = size

    def draw(self, until_s: float) -> Iterator[float]:
        """The arrivals before that time that were not drawn yet, in order."""
        while self._next and self._next[0][0] < until_s:
            at_s, user = self._next[0]
            following = self._following(user)
            if following is None:
                heappop(self._next)
            else:
                heapreplace(self._next, (following, user))
            yield at_s

    def _following(self, user: int) -> float | None:
        arrival = next(self._streams[user], None)
        return arrival.at_s if arrival else None
