"""Telemetry: samples mesh and load all the time, whether or not the loop is running."""

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import replace

from marskit.controller.bus import Bus
from marskit.controller.notices import Notices
from marskit.domain.events import Observed
from marskit.domain.load import LoadSample, LoadStatus
from marskit.domain.metrics import MeshSample
from marskit.domain.observation import Observation
from marskit.domain.topology import GATEWAY
from marskit.load.port import Load
from marskit.mapek.monitor.measures import entry_rate
from marskit.mapek.monitor.monitor import Monitor
from marskit.mesh.port import Mesh
from marskit.timing.clock import Clock

UNSERVED_S = 5.0
"""Seconds for which most of the load must fail outside the mesh before a notice is given."""
RECENT = 600
"""Number of observations planners can look back on, one per second: ten minutes."""


class Sampler:
    """Samples mesh and load every `period_s` and publishes the window's observation.

    A failed reading is reported once, and the next one is attempted as usual.
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
        self._period_s = period_s
        self._also = also
        self._load_sample: LoadSample | None = None
        self._recent: deque[Observation] = deque(maxlen=RECENT)
        self._begun = asyncio.Event()
        self._unserved_since_s: float | None = None
        self._told_unserved = False

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

    async def run(self) -> None:
        """Read until cancelled; a late reading does not delay the next ones."""
        due_s = self._clock.now()
        while True:
            await self._read()
            self._begun.set()
            due_s = max(due_s + self._period_s, self._clock.now())
            await self._clock.sleep(due_s - self._clock.now())

    async def _read(self) -> None:
        mesh, load = await asyncio.gather(self._mesh.sample(), self._load.sample(), return_exceptions=True)
        if isinstance(load, BaseException):
            self._notices.failed("load", "The load could not be read", load)
            self._load_sample = None
        else:
            self._notices.worked("load")
            self._tell_failure(load)
            self._load_sample = load
        if isinstance(mesh, BaseException):
            self._notices.failed("telemetry", "The mesh could not be read", mesh)
            return
        self._notices.worked("telemetry")
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
        failed_before = self._load_sample is not None and self._load_sample.status is LoadStatus.FAILED
        if load.status is LoadStatus.FAILED and not failed_before:
            self._notices.tell("load", load.reason or "The load generator failed.")
