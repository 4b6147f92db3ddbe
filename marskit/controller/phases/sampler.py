"""Telemetry: samples mesh and load all the time, whether or not the loop is running."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace

from marskit.controller.bus import Bus
from marskit.controller.notices import Notices, describe
from marskit.controller.phases.freshness import Freshness
from marskit.domain.events import LoadLost, LoadRestored, Observed, Source
from marskit.domain.load import ClientCounts, LoadSample, LoadStatus, RequestFailure
from marskit.domain.metrics import MeshSample
from marskit.domain.observation import Observation
from marskit.domain.topology import GATEWAY
from marskit.load.port import Load
from marskit.mapek.monitor.measures import entry_rate
from marskit.mapek.monitor.monitor import Monitor
from marskit.mapek.monitor.usable import why_unusable
from marskit.mesh.port import Mesh
from marskit.timing.clock import Clock

UNSERVED_S = 5.0
"""Seconds for which most of the load must fail outside the mesh before a notice is given."""
GRACE_S = 0.5
"""Seconds that telemetry gets to answer, when the newest is too old, before it counts as lost."""
SLICES = 10
RECENT = 600
"""Number of observations planners can look back on, one per second: ten minutes."""


class Sampler:
    """Samples mesh and load every `period_s` and publishes the window's observation.

    A failed reading is reported once, and the next one is attempted as usual. Mesh and load do not wait for
    each other longer than a period: one that does not answer makes nobody blind to the other.
    """

    def __init__(
        self,
        *,
        mesh: Mesh,
        load: Load,
        monitor: Monitor,
        bus: Bus,
        notices: Notices,
        clock: Clock,
        period_s: float,
        also: Callable[[MeshSample], None] = lambda sample: None,
    ) -> None:
        """Read mesh and load; `also` receives every sample of the mesh besides the monitor."""
        self._mesh = mesh
        self._load = load
        self._monitor = monitor
        self._bus = bus
        self._notices = notices
        self._clock = clock
        self._period_s = max(period_s, mesh.capabilities.sample_period_s)
        self._also = also
        self._freshness = Freshness(bus, clock, self._period_s)
        self._readings: dict[Source, asyncio.Task[_Reading]] = {}
        """The readings under way."""
        self._counts = ClientCounts()
        """The newest counts of the clients."""
        self._load_sample: LoadSample | None = None
        self._recent: deque[Observation] = deque(maxlen=RECENT)
        self._begun = asyncio.Event()
        self._unserved_since_s: float | None = None
        self._told_unserved = False
        self._has_lost_load = False

    @property
    def recent(self) -> tuple[Observation, ...]:
        """Earlier observations, oldest first, about one a second."""
        return tuple(self._recent)

    def observe(self, *, since_s: float | None = None) -> Observation:
        """The observation made by the newest samples; see `Monitor.observe`."""
        return self._monitor.observe(self._mesh.configuration, self._load_sample, since_s=since_s)

    async def begun(self) -> None:
        """Return after the first attempt to read."""
        await self._begun.wait()

    async def stale(self) -> str | None:
        """Why nothing may be decided now, in one sentence; None if the newest telemetry is fresh.

        On a busy machine, readings can be late although telemetry works: they get a moment more.
        """
        for _ in range(SLICES):
            if self._freshness.stale is None:
                break
            await self._clock.sleep(GRACE_S / SLICES)
        return self._freshness.stale

    async def run(self) -> None:
        """Read until cancelled; a late reading does not delay the next ones."""
        self._freshness.begin()
        due_s = self._clock.now()
        try:
            while True:
                await self._read()
                self._begun.set()
                due_s = max(due_s + self._period_s, self._clock.now())
                await self._clock.sleep(due_s - self._clock.now())
        finally:
            for reading in self._readings.values():
                reading.cancel()
            await asyncio.gather(*self._readings.values(), return_exceptions=True)

    async def _read(self) -> None:
        await self._attempt(self._period_s)
        # A process that did not run for seconds finds all data old: it must ask again before it complains. In
        # slices, because it may stand still once more.
        for _ in range(SLICES):
            if not self._freshness.has_news_of_loss():
                break
            until_s = self._clock.now() + GRACE_S / SLICES
            await self._attempt(GRACE_S / SLICES)
            if self._freshness.has_news_of_loss() and (left_s := until_s - self._clock.now()) > 0:
                await self._clock.sleep(left_s)
        self._freshness.tell()

    async def _attempt(self, within_s: float) -> None:
        """Ask mesh and load, unless they have not answered yet, and take what comes within that time."""
        for source, sample in ((Source.MESH, self._mesh.sample), (Source.LOAD, self._load.sample)):
            if source not in self._readings:
                self._readings[source] = asyncio.create_task(self._timed(sample))
        await asyncio.wait(self._readings.values(), timeout=within_s)
        done = {source: task for source, task in self._readings.items() if task.done()}
        self._readings = {source: task for source, task in self._readings.items() if source not in done}
        if Source.LOAD in done:
            self._take_load(done[Source.LOAD].result())
        if Source.MESH in done:
            self._take_mesh(done[Source.MESH].result())

    async def _timed(self, sample: Callable[[], Awaitable[MeshSample | LoadSample]]) -> "_Reading":
        begun_s = self._clock.now()
        try:
            # Later, the data would be too old, and who never answers must be asked again.
            async with asyncio.timeout(self._freshness.limit_s):
                found = await sample()
        except TimeoutError:
            late = TimeoutError(f"no answer within {self._freshness.limit_s:g} s")
            return _Reading(begun_s, None, late)
        except Exception as error:
            return _Reading(begun_s, None, error)
        if (wrong := why_unusable(found)) is not None:
            return _Reading(begun_s, None, ValueError(f"{wrong}, which cannot be"))
        return _Reading(begun_s, found)

    def _take_load(self, reading: "_Reading") -> None:
        if not isinstance(load := reading.sample, LoadSample):
            assert reading.error is not None
            self._notices.failed("load", "The load could not be read", reading.error)
            self._freshness.failed(Source.LOAD, describe(reading.error))
            self._load_sample = None
            return
        self._notices.worked("load")
        if load.status in (LoadStatus.FAILED, LoadStatus.SILENT):
            self._freshness.failed(Source.LOAD, load.reason or "it does not answer")
        else:
            self._freshness.read(Source.LOAD, reading.begun_s)
        self._tell_failure(load)
        self._load_sample = load
        self._counts = load.counts or self._counts

    def _take_mesh(self, reading: "_Reading") -> None:
        if not isinstance(mesh := reading.sample, MeshSample):
            assert reading.error is not None
            self._notices.failed("telemetry", "The mesh could not be read", reading.error)
            self._freshness.failed(Source.MESH, describe(reading.error))
            return
        self._notices.worked("telemetry")
        if mesh.at_s - reading.begun_s > self._period_s:
            # It may have been gathered at any time since it was asked for.
            mesh = replace(mesh, measured_at_s=min(mesh.data_at_s, reading.begun_s))
        self._freshness.read(Source.MESH, min(mesh.data_at_s, reading.begun_s))
        if not self._recent:
            mesh = self._since_the_load_began(mesh)
        self._monitor.add(mesh)
        self._also(mesh)
        observation = self.observe()
        if not self._recent or observation.at_s - self._recent[-1].at_s > 1.0 - self._period_s / 2:
            self._recent.append(observation)
        self._bus.publish(Observed(observation))
        if self._load_sample is not None and not self._told_unserved:
            self._tell_unserved(self._load_sample, observation)

    def _since_the_load_began(self, first: MeshSample) -> MeshSample:
        """The first sample without the time before the load began, which would dilute its rates."""
        if self._load_sample is None:
            return first
        loaded_s = self._load_sample.scenario_s / self._load.scenario.speed
        return replace(first, duration_s=min(first.duration_s, loaded_s))

    def _tell_unserved(self, load: LoadSample, observation: Observation) -> None:
        """Report, once, that most requests fail outside the mesh: the gateway may not route their paths."""
        entered = entry_rate(observation)
        failed = sum(edge.failures_per_s for edge in observation.edges if edge.edge.source == GATEWAY)
        sent, lost = load.sent_requests_per_s or 0.0, load.failures_per_s or 0.0
        if lost <= 0.5 * max(sent, 1.0) or failed > 0.1 * entered:
            self._unserved_since_s = None
            return
        self._unserved_since_s = self._unserved_since_s or observation.at_s
        if observation.at_s - self._unserved_since_s < UNSERVED_S:
            return
        self._told_unserved = True
        self._notices.tell(
            "load",
            f"{lost:.0f} of {sent:.0f} requests per second do not get the "
            f"answer that {self._load.scenario.name} expects, but only {failed:.0f} of {entered:.0f} fail in "
            "the mesh. Check that the gateway routes these paths.",
        )

    def _tell_failure(self, load: LoadSample) -> None:
        if load.status is LoadStatus.FAILED and not self._has_lost_load:
            self._has_lost_load = True
            self._bus.publish(LoadLost(self._clock.now(), load.reason or "The load generator failed."))
        elif load.status is LoadStatus.RUNNING and self._has_lost_load and load.counts is not None:
            self._has_lost_load = False
            not_sent = load.counts.since(self._counts).of(RequestFailure.NOT_SENT)
            sentence = (
                "The load generator runs again, at the same point of the scenario; "
                f"{not_sent} requests were not sent meanwhile."
            )
            self._bus.publish(LoadRestored(self._clock.now(), not_sent, sentence))


@dataclass(frozen=True, slots=True)
class _Reading:
    """The result of one attempt to read."""

    begun_s: float
    sample: MeshSample | LoadSample | None
    error: Exception | None = None
