"""The load port over Locust in child processes. This process never imports locust."""

import asyncio
import time
from pathlib import Path

from marskit.domain.events import ScenarioInfo
from marskit.domain.load import ClientCounts, LoadSample, LoadStatus, RequestFailure, counted
from marskit.load.locust_api import LocustApi, LocustTotals
from marskit.load.locust_child import LocustChild
from marskit.load.port import LoadError, check_factor
from marskit.load.rates import Rates
from marskit.load.scenario import Scenario, ScenarioError, list_scenarios, load_scenario
from marskit.timing.clock import Clock

_AT_REST = (LoadStatus.STARTING, LoadStatus.STOPPED)
_RUNNING_WITHIN_S = 15.0
_POLL_S = 0.02
MOST_RESTARTS = 5
"""So many times in a run, a Locust that ended is started again."""
_LEAD_S = 0.1
"""Delay of a scenario's start after the request, in seconds, so that its users are there."""
_DISTRIBUTED_LEAD_S = 0.5


class LocustLoad:
    """Follows a scenario with one Locust process, or with a master and `workers` that send."""

    def __init__(
        self, scenario: Scenario, *, seed: int, clock: Clock, run_directory: Path, workers: int = 0
    ) -> None:
        """Nothing starts before `prepare` or `start`; Locust logs to `run_directory`, which ends with it."""
        self._scenario = scenario
        self._info = scenario.info()
        self._clock = clock
        self._workers = workers
        self._child = LocustChild(scenario, seed=seed, workers=workers, folder=run_directory)
        self._preparing = asyncio.Lock()
        self._api: LocustApi | None = None
        self._gateway_url: str | None = None
        self._stopped = False
        self._factor = 1.0
        self._begun_s = 0.0
        self._rates = Rates()
        self._before = ClientCounts()
        """The requests of those Locusts that ended."""
        self._newest: LocustTotals | None = None
        """The last report of the present Locust."""
        self._counted_s = 0.0
        """Seconds since the scenario's beginning up to which it has counted what was due."""
        self._restoring = asyncio.Lock()
        self._restorer: asyncio.Task[None] | None = None
        self._restored = 0
        self._failure = ""

    @property
    def scenario(self) -> ScenarioInfo:
        """The present scenario, or the one to follow once the load starts."""
        return self._info

    @property
    def scenarios(self) -> tuple[str, ...]:
        """The names that `set_scenario` accepts."""
        return list_scenarios()

    async def prepare(self) -> None:
        """Start Locust without load; it needs no gateway yet and may start together with the mesh.

        Raises:
            LoadError: It cannot start; everything that was started has been stopped.
        """
        async with self._preparing:
            if self._stopped:
                raise LoadError("The load was stopped.")
            if self._api is not None:
                return
            self._api = LocustApi(self._child.web_socket)
            try:
                await self._child.start(self._is_ready)
            except BaseException:
                await self.stop()
                raise

    async def start(self, gateway_url: str) -> None:
        """Start the curve at its beginning; return once requests flow.

        Raises:
            LoadError: It cannot start; everything that was started has been stopped.
        """
        await self.prepare()
        self._gateway_url = gateway_url
        try:
            await self._swarm(restart=True)
            self._read_rates(await self._until_running())
        except BaseException:
            await self.stop()
            raise

    async def sample(self) -> LoadSample:
        """The present state of the load; a dead Locust is a reading, not an exception."""
        if self._stopped:
            return self._sample(LoadStatus.STOPPED)
        if self._gateway_url is None:
            return self._sample(LoadStatus.STARTING)
        if self._restoring.locked():
            return self._sample(LoadStatus.FAILED, reason=self._failure)
        totals = await self._totals()
        failure = self._child.failure() if totals else await self._child.failure_soon()
        if failure is not None:
            self._begin_restoring(failure)
            return self._sample(LoadStatus.FAILED, reason=self._failure)
        if totals is None:
            return self._sample(LoadStatus.SILENT, reason="Locust does not respond.")
        self._newest, self._counted_s = totals, self._clock.now() - self._begun_s
        running = totals.state in ("running", "spawning")
        return self._sample(LoadStatus.RUNNING if running else LoadStatus.STOPPED, totals)

    async def set_factor(self, factor: float) -> None:
        """Multiply the curve's rate from now on, by changing the number of users.

        Raises:
            LoadError: The factor is out of range, or Locust does not respond.
        """
        check_factor(factor)
        former, self._factor = self._factor, factor
        try:
            if self._gateway_url is not None:
                await self._restore()
                await self._swarm(restart=False)
        except LoadError:
            self._factor = former
            raise

    async def set_scenario(self, scenario: str) -> None:
        """Follow another scenario (or the same) from its beginning; the factor stays.

        Raises:
            LoadError: The scenario does not exist or is wrong, or Locust does not respond.
        """
        former = self._scenario, self._info
        try:
            # The present one may be a file of the user's, which has no place among the shipped names.
            if scenario != self._scenario.name:
                self._scenario = load_scenario(scenario)
            self._info = self._scenario.info()
            if self._gateway_url is not None:
                await self._restore()
                await self._swarm(restart=True)
        except (ScenarioError, LoadError) as error:
            self._scenario, self._info = former
            raise LoadError(str(error)) from error

    async def stop(self) -> None:
        """Stop the load and leave no process behind; safe to call twice and after a failed start."""
        if not self._stopped:
            self._stopped = True
            if self._restorer is not None:
                self._restorer.cancel()
                await asyncio.gather(self._restorer, return_exceptions=True)
            await self._child.close()
            if self._api is not None:
                await self._api.close()

    @property
    def _users(self) -> int:
        return max(1, round(self._scenario.users * self._factor))

    def _begin_restoring(self, failure: str) -> None:
        """Start another Locust in place of one that ended, unless too many have."""
        if self._restorer is None or self._restorer.done():
            self._failure = failure
            if self._restored < MOST_RESTARTS:
                self._restorer = asyncio.create_task(self._try_to_restore())
            else:
                self._failure = f"{failure.rstrip('.')}; it was restarted {MOST_RESTARTS} times already."

    async def _try_to_restore(self) -> None:
        try:
            await self._restore()
        except LoadError as error:
            self._failure = str(error)

    async def _restore(self) -> None:
        """Let another Locust go on at the same point of the scenario if the present one ended.

        Raises:
            LoadError: It cannot start.
        """
        async with self._restoring:
            if self._child.failure() is None:
                return
            self._restored += 1
            ended, self._newest = self._newest.counts if self._newest else ClientCounts(), None
            abandoned = counted([(RequestFailure.ABANDONED, ended.unfinished)])
            self._before = self._before.plus(ended).plus(ClientCounts(failures=abandoned))
            await self._child.start(self._is_ready)
            self._rates = Rates()
            await self._swarm(restart=False, counted_s=max(self._counted_s, 1e-3))
            await self._until_running()

    async def _swarm(self, *, restart: bool, counted_s: float = 0.0) -> None:
        assert self._api is not None
        assert self._gateway_url is not None
        lead_s = _DISTRIBUTED_LEAD_S if self._workers else _LEAD_S
        if restart:
            self._begun_s = self._clock.now() + lead_s
        begins_at = time.time() + self._begun_s - self._clock.now()
        message = await self._api.swarm(
            users=self._users,
            host=self._gateway_url,
            scenario=str(self._scenario.path),
            scenario_start=begins_at if restart or counted_s else None,
            counted_s=counted_s,
        )
        if message is None:
            raise LoadError(await self._child.failure_soon() or "Locust does not respond.")
        if message != "Swarming started":
            raise LoadError(f"Locust did not start the load: {message}.")

    async def _until_running(self) -> LocustTotals:
        deadline = time.monotonic() + _RUNNING_WITHIN_S
        while (totals := await self._totals()) is None or totals.state != "running":
            if failure := self._child.failure():
                raise LoadError(failure)
            if time.monotonic() > deadline:
                raise LoadError(f"Locust's users did not start within {_RUNNING_WITHIN_S:g} s.")
            await asyncio.sleep(_POLL_S)
        return totals

    async def _is_ready(self) -> bool:
        totals = await self._totals()
        return totals is not None and totals.workers == self._workers

    async def _totals(self) -> LocustTotals | None:
        assert self._api is not None
        return await self._api.totals()

    def _sample(
        self, status: LoadStatus, totals: LocustTotals | None = None, reason: str | None = None
    ) -> LoadSample:
        at_s = self._clock.now()
        scenario_s = 0.0 if status is LoadStatus.STARTING else (at_s - self._begun_s) * self._scenario.speed
        offered = self._scenario.rate_at(scenario_s) * self._users / self._scenario.users
        sent, failed = self._read_rates(totals) if totals else (None, None)
        return LoadSample(
            at_s=at_s,
            status=status,
            users=totals.users if totals else None,
            factor=self._factor,
            scenario_s=max(0.0, scenario_s),
            offered_requests_per_s=offered if status not in _AT_REST and scenario_s >= 0 else 0.0,
            sent_requests_per_s=sent,
            failures_per_s=failed,
            reason=reason,
            counts=self._before.plus(totals.counts) if totals else None,
        )

    def _read_rates(self, totals: LocustTotals) -> tuple[float, float]:
        counts = totals.counts
        return self._rates.read(self._clock.now(), counts.sent, counts.sent - counts.succeeded)
