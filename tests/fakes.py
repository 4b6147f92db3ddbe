"""Stand-ins for mesh, load and knowledge that live in the event loop's time, which tests make virtual.

The fake mesh answers as a queue would: below its capacity fast, above it slow, so that planners have
something to do and what they do has an effect.
"""

import asyncio
import difflib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from marskit.domain.actions import (
    Action,
    describe,
    target,
)
from marskit.domain.capabilities import Capabilities
from marskit.domain.config import Configuration, Destination, OutlierDetection, OutlierSetting, RouteSetting
from marskit.domain.diagnosis import Diagnosis
from marskit.domain.events import (
    ConfigurationChanged,
    Event,
    MeshReady,
    Progressed,
    RunEnded,
    RunStarted,
    ScenarioInfo,
)
from marskit.domain.faults import ClearFaults, Fault, HangReplica, KillReplica
from marskit.domain.goals import Goals, Slo
from marskit.domain.load import LoadSample, LoadStatus
from marskit.domain.metrics import ConfigGeneration, EdgeSample, Histogram, MeshSample, WorkloadSample
from marskit.domain.plan import Plan
from marskit.domain.records import Cycle
from marskit.domain.topology import GATEWAY, EdgeId, Service, Topology, Workload
from marskit.knowledge.port import Incident
from marskit.load.port import LoadError
from marskit.mesh.port import ActionError, ActionPreview, Applied, MeshEvent, Rejected, Unknown, WriteOutcome
from marskit.planning import PlanningView
from marskit.timing.clock import Clock
from tests.fake_changes import changed, check_fault, inverse

CAPABILITIES = Capabilities(is_simulated=False, can_hold_time=False, sample_period_s=0.0)
GATEWAY_URL = "http://127.0.0.1:8080"

TOPOLOGY = Topology(
    namespace="shop",
    services=(
        Service("orders", "shop", 80, ("orders",)),
        Service("payments", "shop", 80, ("payments",)),
        Service("recommendations", "shop", 80, ("recommendations-food", "recommendations-music")),
    ),
    workloads=(
        Workload("orders", "orders", "v1", 1, 8),
        Workload("payments", "payments", "v1", 1, 8),
        Workload("recommendations-food", "recommendations", "food", 1, 4),
        Workload("recommendations-music", "recommendations", "music", 1, 4),
    ),
    edges=(
        EdgeId(GATEWAY, "orders", "orders"),
        EdgeId("orders", "payments", "payments"),
        EdgeId("orders", "recommendations", "recommendations-food"),
        EdgeId("orders", "recommendations", "recommendations-music"),
    ),
)

CONFIGURATION = Configuration(
    replicas=tuple((workload.name, 2) for workload in TOPOLOGY.workloads),
    routes=(
        RouteSetting("orders", 0, None, (Destination("orders", None, "orders", 100),), 2000, None),
        RouteSetting("payments", 0, None, (Destination("payments", None, "payments", 100),), None, None),
        RouteSetting(
            "recommendations",
            0,
            None,
            (
                Destination("recommendations", "food", "recommendations-food", 50),
                Destination("recommendations", "music", "recommendations-music", 50),
            ),
            None,
            None,
        ),
    ),
    outliers=(OutlierSetting("payments", "payments", OutlierDetection(5, 1000, 3000, 50)),),
)

GOALS = Goals(slos=(Slo("orders", latency_ms=200.0),))

STEADY = ScenarioInfo("steady", "The same rate all the time", 600.0, 1.0, ((0.0, 20.0), (600.0, 20.0)))
SPIKE = ScenarioInfo(
    "spike",
    "Three times the rate for a while",
    60.0,
    1.0,
    ((0.0, 20.0), (10.0, 60.0), (50.0, 60.0), (60.0, 20.0)),
)


@dataclass
class FakeLoad:
    """A load that is what its scenario's curve says, without a process."""

    clock: Clock
    scenario: ScenarioInfo = STEADY
    scenarios: tuple[str, ...] = ("steady", "spike")
    calls: list[str] = field(default_factory=list)
    factor: float = 1.0
    fail_prepare: Exception | None = None
    fail_start: Exception | None = None
    fail_sample: Exception | None = None
    failing: float = 0.0
    """The share of requests whose answer is not what the scenario expects, whatever the mesh says."""
    _began_s: float | None = None

    async def prepare(self) -> None:
        self.calls.append("load.prepare")
        if self.fail_prepare is not None:
            raise self.fail_prepare

    async def start(self, gateway_url: str) -> None:
        self.calls.append("load.start")
        if self.fail_start is not None:
            raise self.fail_start
        self._began_s = self.clock.now()

    def rate(self) -> float:
        """Requests per second now."""
        if self._began_s is None:
            return 0.0
        at_s = min((self.clock.now() - self._began_s) * self.scenario.speed, self.scenario.duration_s)
        curve = self.scenario.curve
        for (t0, r0), (t1, r1) in pairwise(curve):
            if t0 <= at_s <= t1:
                return self.factor * (r0 + (r1 - r0) * (at_s - t0) / (t1 - t0))
        return 0.0

    async def sample(self) -> LoadSample:
        if self.fail_sample is not None:
            raise self.fail_sample
        began_s = self.clock.now() if self._began_s is None else self._began_s
        return LoadSample(
            at_s=self.clock.now(),
            status=LoadStatus.RUNNING,
            users=10,
            factor=self.factor,
            scenario_s=(self.clock.now() - began_s) * self.scenario.speed,
            offered_requests_per_s=self.rate(),
            sent_requests_per_s=self.rate(),
            failures_per_s=self.failing * self.rate(),
        )

    async def set_factor(self, factor: float) -> None:
        if factor <= 0:
            raise LoadError(f"The load factor must be above 0, not {factor:g}.")
        self.factor = factor

    async def set_scenario(self, scenario: str) -> None:
        known = {"steady": STEADY, "spike": SPIKE}
        if scenario not in known:
            raise LoadError(f"Unknown scenario {scenario!r}; choose one of {', '.join(known)}.")
        self.scenario = known[scenario]
        self._began_s = self.clock.now()

    async def stop(self) -> None:
        self.calls.append("load.stop")


@dataclass
class FakeMesh:
    """A mesh whose latency follows from load and replicas."""

    clock: Clock
    load: FakeLoad
    name: str = "fake"
    capabilities: Capabilities = CAPABILITIES
    topology: Topology = TOPOLOGY
    configuration: Configuration = CONFIGURATION
    capacity_requests_per_s: float = 15.0
    """Of one replica of any workload."""
    calls: list[str] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    restart_s: float = 0.5
    """How long a killed replica is gone."""
    start_s: float = 0.0
    execute_s: float = 0.01
    fail_start: Exception | None = None
    fail_sample: Exception | None = None
    fail_execute: Exception | None = None
    lands_all_the_same: bool = False
    """Whether a write that fails is carried out nevertheless."""
    fail_stop: Exception | None = None
    _generation: int = 0
    _sampled_s: float = 0.0
    hung: dict[str, int] = field(default_factory=dict)
    """Number of stopped replicas of each workload."""
    _report: Callable[[MeshEvent], None] = lambda event: None
    _back_s: dict[str, float] = field(default_factory=dict)
    """When the killed replica of a workload is back."""

    async def start(self, report: Callable[[MeshEvent], None]) -> str:
        self.calls.append("mesh.start")
        self._report = report
        report(Progressed(self.clock.now(), "services", "starting"))
        await self.clock.sleep(self.start_s)
        if self.fail_start is not None:
            raise self.fail_start
        self._sampled_s = self.clock.now()
        report(MeshReady(self.clock.now(), GATEWAY_URL))
        return GATEWAY_URL

    def change_from_outside(self, action: Action) -> None:
        """Let somebody else change it."""
        self.configuration = changed(self.configuration, action)
        self._report(
            ConfigurationChanged(
                self.clock.now(), (target(action),), f"somebody else: {describe(action)}.", self.configuration
            )
        )

    async def stop(self) -> None:
        self.calls.append("mesh.stop")
        if self.fail_stop is not None:
            raise self.fail_stop

    async def sample(self) -> MeshSample:
        if self.fail_sample is not None:
            raise self.fail_sample
        now_s = self.clock.now()
        duration_s = max(now_s - self._sampled_s, 1e-3)
        self._sampled_s = now_s
        return MeshSample(
            at_s=now_s,
            duration_s=duration_s,
            edges=tuple(self._edge(edge, duration_s) for edge in self.topology.edges),
            workloads=tuple(
                WorkloadSample(
                    name,
                    replicas,
                    max(0, replicas - (now_s < self._back_s.get(name, 0.0))),
                    min(1.0, self._utilisation(name)),
                    0.0,
                )
                for name, replicas in self.configuration.replicas
            ),
            generation=ConfigGeneration(self._generation, self._generation, self._generation),
        )

    def _rate(self, workload: str) -> float:
        service = self.topology.workload(workload).service
        for destination in self.configuration.routes_to(service)[0].destinations:
            if destination.workload == workload:
                return self.load.rate() * destination.weight_percent / 100.0
        return 0.0

    def _utilisation(self, workload: str) -> float:
        replicas = self.configuration.replicas_of(workload)
        return self._rate(workload) / (self.capacity_requests_per_s * max(1, replicas))

    def _edge(self, edge: EdgeId, duration_s: float) -> EdgeSample:
        requests = round(self._rate(edge.workload) * duration_s)
        # An edge waits for its callees, so the gateway's edge shows the worst of all.
        workloads = [edge.workload] if edge.source != GATEWAY else [w for w, _ in self.configuration.replicas]
        busiest = max(self._utilisation(workload) for workload in workloads)
        latency_ms = 50.0 if busiest <= 1.0 else 400.0 * busiest
        failures = requests // 10 if busiest > 1.5 else 0
        bins = ((latency_ms, 10.0, requests - failures),) if requests > failures else ()
        return EdgeSample(edge, requests=requests, failures=failures, successes_ms=Histogram(bins))

    def preview(self, action: Action) -> ActionPreview:
        after = changed(self.configuration, action)
        if after == self.configuration:
            return ActionPreview(f"kubectl {describe(action)}", "", None, None)
        back = inverse(self.configuration, action)
        diff = "".join(
            difflib.unified_diff(
                [f"{describe(back)}\n"],
                [f"{describe(action)}\n"],
                f"a/{target(action)}",
                f"b/{target(action)}",
            )
        )
        return ActionPreview(f"kubectl {describe(action)}", diff, back, f"kubectl {describe(back)}")

    async def execute(self, action: Action) -> WriteOutcome:
        self.calls.append(describe(action))
        await self.clock.sleep(self.execute_s)
        try:
            after = changed(self.configuration, action)
        except ActionError as error:
            return Rejected(str(error))
        if self.fail_execute is None or self.lands_all_the_same:
            self.configuration = after
        if self.fail_execute is not None:
            return Unknown(str(self.fail_execute))
        self._generation += 1
        return Applied(self._generation, 1000.0 * self.execute_s, 1000.0 * self.execute_s)

    async def inject(self, fault: Fault) -> None:
        check_fault(self.configuration, fault)
        match fault:
            case HangReplica(workload):
                ready = self.configuration.replicas_of(workload)
                if self.hung.get(workload, 0) >= ready:
                    raise ActionError(f"{workload} has no ready replica left to hang")
                self.hung[workload] = self.hung.get(workload, 0) + 1
            case ClearFaults():
                self.hung.clear()
            case _:
                pass
        if isinstance(fault, KillReplica):
            self.hung[fault.workload] = max(0, self.hung.get(fault.workload, 0) - 1)
            self._back_s[fault.workload] = self.clock.now() + self.restart_s
        self.faults.append(fault)


@dataclass
class FakeKnowledge:
    """Keeps the cycles in a list."""

    calls: list[str] = field(default_factory=list)
    run: RunStarted | None = None
    cycles: list[Cycle] = field(default_factory=list)
    incidents: list[Incident] = field(default_factory=list)
    """All that were noted."""
    fail_open: Exception | None = None
    fail_append: Exception | None = None
    append_s: float = 0.0
    let_go: str | None = None
    """Told with the next cycle that is stored."""

    def note(self, event: Event) -> None:
        if isinstance(event, Incident):
            self.incidents.append(event)

    async def open(self, run: RunStarted) -> None:
        if self.fail_open is not None:
            raise self.fail_open
        self.run = run

    async def append(self, cycle: Cycle) -> str | None:
        await asyncio.sleep(self.append_s)
        if self.fail_append is not None:
            raise self.fail_append
        self.cycles.append(cycle)
        let_go, self.let_go = self.let_go, None
        return let_go

    unstored_cycles: int = 0

    async def close(self, ended: RunEnded | None = None) -> None:
        self.calls.append("knowledge.close")


@dataclass
class FakePlanner:
    """Proposes what it is told, one entry a cycle, and nothing when the entries are used up."""

    script: Sequence[tuple[Action, ...] | Exception] = ()
    name: str = "scripted"
    summary: str = "Does what the test says."
    seeds: list[int] = field(default_factory=list)
    on_plan: Callable[[], None] | None = None
    _next: int = 0

    def reset(self, seed: int) -> None:
        self.seeds.append(seed)
        self._next = 0

    def plan(self, diagnosis: Diagnosis, view: PlanningView) -> Plan:
        if self.on_plan is not None:
            self.on_plan()
        entry = self.script[self._next] if self._next < len(self.script) else ()
        self._next += 1
        if isinstance(entry, Exception):
            raise entry
        return Plan(planner=self.name, candidates=(), proposed=entry, reason="the test says so")


class ShiftedClock:
    """The event loop's time, plus what a blocking computation is said to have taken."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._start_s = self._loop.time()

    def now(self) -> float:
        return self._loop.time() - self._start_s

    def charge(self, seconds: float) -> None:
        """Let that much time pass at once."""
        self._start_s -= seconds

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)
