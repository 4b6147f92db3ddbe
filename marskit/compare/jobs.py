"""One planner on one scenario with one seed: the run, and its measures."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType

from marskit.assembly.settings import KUBERNETES_PERIOD_S, Settings
from marskit.controller.batch import run_headless
from marskit.controller.controller import Controller
from marskit.domain.actions import Scale, ShiftTraffic
from marskit.domain.diagnosis import Severity
from marskit.domain.events import Event, Noticed, RunStarted
from marskit.domain.records import Cycle, Outcome
from marskit.domain.shortfall import ShortfallKind
from marskit.knowledge.record import Record, RunRecords, figures
from marskit.load.scenario import load_scenario
from marskit.mapek.analyse.utility import entry_services
from marskit.planning import NOT_REPRODUCIBLE, Planner
from marskit.plugins.foreign import ForeignPlanner


@dataclass(frozen=True, slots=True)
class Job:
    """One run of the grid; its seed, for arrivals and mesh, is the same for every planner."""

    planner: str
    scenario: str
    seed: int
    settings: Settings

    @property
    def name(self) -> str:
        """The job's name for progress and errors."""
        return f"{self.planner} on {self.scenario}, seed {self.seed}"

    @property
    def cycles(self) -> int:
        """Number of control periods in the whole scenario."""
        scenario = load_scenario(self.scenario)
        period_s = self.settings.period_s or KUBERNETES_PERIOD_S / scenario.speed
        return max(1, round(scenario.duration_s / scenario.speed / period_s))

    @property
    def duration_s(self) -> float:
        """Length in real seconds of mesh time."""
        scenario = load_scenario(self.scenario)
        return scenario.duration_s / scenario.speed


@dataclass(frozen=True, slots=True)
class CyclePoint:
    """One cycle of a run, for the curves."""

    at_s: float
    requests_per_s: float
    latency_p95_ms: float | None
    failed_percent: float
    replicas: int
    violated: bool
    actions: int


@dataclass(frozen=True, slots=True)
class Conducted:
    """How a planner that runs in a process of its own met its questions in one run."""

    without_plan: int = 0
    """Cycles without a usable plan, for any reason."""
    raised: int = 0
    late: int = 0
    killed: int = 0
    not_asked: int = 0
    plans_ms: tuple[float, ...] = ()
    complaint: str = ""
    """Why there was no usable plan for the first time."""


@dataclass(frozen=True, slots=True)
class Measured:
    """The figures of one run, in scenario minutes."""

    planner: str
    scenario: str
    seed: int
    violation_minutes: float
    """Minutes in which a service that users call violated its SLO, by the cycles' windows."""
    replica_minutes: float
    failed_requests: int
    """As their clients saw it."""
    mesh_failures: int
    """As the mesh saw it."""
    actions: int
    utility_per_s: float
    served_within_slo_per_s: float
    violated_per_s: float
    failed_per_s: float
    replica_cost_per_s: float
    action_churn_per_s: float
    clamped: int
    """Number of actions that the shield limited or dropped."""
    breaches: int
    """Executed actions beyond the bounds of replicas or weights; the shield keeps this at 0."""
    points: tuple[CyclePoint, ...]
    reproducible: bool = True
    """False where the clock on the wall stopped a planner, so the result depends on the machine."""
    conduct: Conducted = Conducted()


@dataclass(frozen=True, slots=True)
class Failed:
    """A run that could not be measured."""

    job: Job
    reason: str


def grid(
    planners: Sequence[str],
    scenarios: Sequence[str],
    seeds: Sequence[int],
    usual: Settings,
    meant: Mapping[str, str] = MappingProxyType({}),
) -> Iterator[Job]:
    """Every planner on every scenario with every seed; `meant` maps names to those that are run instead."""
    for scenario in scenarios:
        for seed in seeds:
            for planner in planners:
                settings = replace(usual, planner=meant.get(planner, planner), scenario=scenario, seed=seed)
                yield Job(planner, scenario, seed, settings)


class _Collector(RunRecords):
    """Collects the cycles of one run, and what went wrong in it."""

    def __init__(self) -> None:
        super().__init__()
        self.trouble: list[str] = []
        self.reproducible = True

    def tell(self, event: Event) -> None:
        """Keep what is measured."""
        self.note(event)
        if isinstance(event, Noticed) and event.severity is Severity.CRITICAL:
            self.trouble.append(event.sentence)
        if isinstance(event, Noticed) and event.subject == NOT_REPRODUCIBLE:
            self.reproducible = False


def run(job: Job) -> Measured | Failed:
    """Run one job from beginning to end in this process."""
    from marskit.assembly.bootstrap import build

    collector = _Collector()
    built: list[Controller] = []

    async def factory() -> Controller:
        built.append(await build(job.settings))
        return built[0]

    loop = job.settings.loop_factory()
    ending = run_headless(factory, collector, cycles=job.cycles, loop_factory=loop)
    ended = collector.ended
    # A planner under which no request succeeds for a while is a result; a run without load is none.
    is_result = ended is not None and not any(
        each.fails and each.kind is not ShortfallKind.UNSERVED for each in ended.shortfalls
    )
    if not is_result or collector.started is None or len(collector.records) < job.cycles:
        return Failed(job, ending.complaint or "; ".join(collector.trouble) or "the run ended early")
    measured = measure(job, collector.started, collector.cycles, collector.records)
    conduct = _conducted(built[0].planner, collector.cycles)
    return replace(measured, reproducible=collector.reproducible, conduct=conduct)


def _conducted(planner: Planner, cycles: Sequence[Cycle]) -> Conducted:
    failures = [c.plan.failure for c in cycles if c.plan.failure is not None]
    told = Conducted(without_plan=len(failures), complaint=failures[0] if failures else "")
    if not isinstance(planner, ForeignPlanner):
        return told
    seen = planner.conduct
    return replace(
        told,
        raised=seen.raised,
        late=seen.late,
        killed=seen.killed,
        not_asked=seen.not_asked,
        plans_ms=tuple(seen.plans_ms),
    )


def measure(job: Job, started: RunStarted, cycles: Sequence[Cycle], records: Sequence[Record]) -> Measured:
    """The figures of one run."""
    entries = set(entry_services(started.topology, started.goals))
    points = tuple(_point(cycle, entries) for cycle in cycles)
    totals = figures(records)
    violated_s = sum(r.covers_s for r, point in zip(records, points, strict=True) if point.violated)
    speed = records[0].speed

    def mean(name: str) -> float:
        known = [
            (c.diagnosis.utility, r) for c, r in zip(cycles, records, strict=True) if not c.diagnosis.unknown
        ]
        known_s = sum(r.covers_s for _, r in known) or 1.0
        return float(sum(getattr(utility, name) * r.covers_s for utility, r in known) / known_s)

    bounds = {w.name: (w.min_replicas, w.max_replicas) for w in started.topology.workloads}
    executed = [e for c in cycles for e in c.executions if e.outcome is Outcome.APPLIED]
    return Measured(
        planner=job.planner,
        scenario=job.scenario,
        seed=job.seed,
        violation_minutes=violated_s * speed / 60.0,
        replica_minutes=totals.replica_minutes,
        failed_requests=totals.failed_requests,
        mesh_failures=totals.mesh_failures,
        actions=totals.actions,
        utility_per_s=mean("total"),
        served_within_slo_per_s=mean("served_within_slo"),
        violated_per_s=mean("violated"),
        failed_per_s=mean("failed"),
        replica_cost_per_s=mean("replica_cost"),
        action_churn_per_s=mean("action_churn"),
        clamped=sum(len(c.plan.shield) for c in cycles),
        breaches=sum(_is_breach(e.action, bounds) for e in executed),
        points=points,
    )


def _is_breach(action: object, bounds: dict[str, tuple[int, int]]) -> bool:
    match action:
        case Scale(workload, replicas):
            least, most = bounds[workload]
            return not least <= replicas <= most
        case ShiftTraffic(_, _, weights):
            values = [weight for _, weight in weights]
            return min(values) < 0 or sum(values) != 100
        case _:
            return False


def _point(cycle: Cycle, entries: set[str]) -> CyclePoint:
    observed = [s for s in cycle.observation.services if s.service in entries]
    rate = sum(s.requests_per_s for s in observed)
    failed = sum(s.failures_per_s for s in observed)
    p95 = [s.latency.p95_ms for s in observed if s.latency.p95_ms is not None]
    return CyclePoint(
        at_s=cycle.started_at_s,
        requests_per_s=rate,
        latency_p95_ms=max(p95, default=None),
        failed_percent=100.0 * failed / rate if rate else 0.0,
        replicas=sum(w.replicas_desired for w in cycle.observation.workloads),
        violated=any(slo.met is False for slo in cycle.diagnosis.slos if slo.service in entries),
        actions=sum(e.outcome is Outcome.APPLIED for e in cycle.executions),
    )
