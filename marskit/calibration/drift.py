"""Whether the mesh still is what the card says: residuals of the twin's p95, accumulated until chance is out.

Every window without faults is held against what the fast twin expects under the same load, replicas and
weights. What is left over, in standard deviations, is summed up for every edge by a two-sided CUSUM (Page
1954, *Continuous Inspection Schemes*, Biometrika 41): a sum that falls back to 0 as long as the twin is
right, and grows with every window once it is not. Where it last left 0 the drift began.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from math import log, sqrt
from statistics import median

from marskit.calibration.expected import Expected, expectations
from marskit.calibration.fit import reach
from marskit.calibration.windows import is_steady
from marskit.domain.baselines import MAD_TO_SIGMA
from marskit.domain.events import FaultInjected
from marskit.domain.faults import SlowDown
from marskit.domain.goals import Goals
from marskit.domain.topology import EdgeId
from marskit.knowledge.read.fault_free_windows import apart, quiet
from marskit.knowledge.record import Record
from marskit.mesh.simulator.card import HeldOut
from marskit.mesh.simulator.model import TwinModel

SLACK = 0.5
"""Standard deviations that a residual may be off without being counted: half the shift that is looked for."""
LIMIT = 8.0
"""At such a sum it is no chance: by Siegmund's approximation (*Sequential Analysis*, 1985) a twin that is
right reaches it once in 19 000 windows on either side, and one that is a standard deviation off after 17."""
FURTHEST = 4.0
"""No single window counts for more, so that it takes three to raise an alarm."""
WAITING = 0.75
"""The standard error of the (logarithmic) part of a p95 that is waiting: in a few seconds queues are empty or
long, and hardly ever what they are on average."""
USUAL_ERROR_PERCENT = 10.0
"""Of a twin whose error is not known."""
BUSIEST = 0.85
"""Where the twin expects workers to be busier than that, its p95 rests on what was before the window."""
_EPSILON_S = 1e-6


@dataclass(frozen=True, slots=True)
class Residual:
    """One edge in one window, as it was seen and as the twin expects it."""

    cycle: int
    """The id of the one that saw it."""
    edge: EdgeId
    n: int
    seen_p50_ms: float
    seen_p95_ms: float
    expected: Expected

    def deviations(self, error_percent: float) -> float:
        """How far off the p95 is, as standard deviations of its logarithm.

        The twin's own error is a median of absolute ones; the p95 of `n` latencies whose logarithm has the
        spread 0.47 (a coefficient of variation of a half) has itself the relative error 1 / sqrt(n)
        (Mosteller 1946). Those that waited waited together, so that `n` says nothing of the waiting.
        """
        waiting = WAITING * log(self.expected.p95_ms / self.expected.calm_p95_ms)
        spread = sqrt((MAD_TO_SIGMA * error_percent / 100.0) ** 2 + 1.0 / self.n + waiting**2)
        off = log(self.seen_p95_ms / self.expected.p95_ms) / spread
        return max(-FURTHEST, min(FURTHEST, off))


@dataclass(frozen=True, slots=True)
class Shown:
    """One window that can be held against a twin."""

    record: Record
    steady: frozenset[str]
    """The workloads that had as many replicas all the time."""


@dataclass(frozen=True, slots=True)
class Drift:
    """The twin is off by more than chance."""

    edge: EdgeId
    since: int
    """The id of the first cycle that shows it."""
    found: int
    """The id of the cycle that was one too many."""
    ratio: float
    """The median of seen over expected p95 since then."""

    @property
    def sentence(self) -> str:
        """What drifted, and by how much."""
        percent = 100.0 * abs(self.ratio - 1.0)
        how = "slower" if self.ratio > 1.0 else "faster"
        return f"{self.edge.workload} answers {percent:.0f} % {how} than the twin expects"


class Cusum:
    """The two sums of one edge."""

    def __init__(self) -> None:
        self._sums = {1.0: 0.0, -1.0: 0.0}
        self._since = {1.0: 0, -1.0: 0}

    def add(self, cycle: int, deviations: float) -> int | None:
        """Take one residual; the cycle since which it drifts once a sum is over the limit."""
        for sign, total in self._sums.items():
            if total == 0.0:
                self._since[sign] = cycle
            self._sums[sign] = max(0.0, total + sign * deviations - SLACK)
            if self._sums[sign] > LIMIT:
                return self._since[sign]
        return None


class DriftDetector:
    """Takes the records of one run as they come, and tells when the twin is not its mesh any more."""

    def __init__(self, model: TwinModel, error_percent: Mapping[str, float], goals: Goals) -> None:
        self._goals = goals
        self.begin(model, error_percent)

    def begin(self, model: TwinModel, error_percent: Mapping[str, float]) -> None:
        """Forget all sums and hold what comes against this model, whose p95 is usually that far off."""
        self._model = model
        self.error_percent = error_percent
        self._sums: dict[EdgeId, Cusum] = {}
        self._end_s = float("-inf")
        self.residuals: list[Residual] = []
        self.drift: Drift | None = None

    def see(self, records: Sequence[Record]) -> Drift | None:
        """Take the newest of all records so far; the drift, if it is the one that shows it."""
        newest = records[-1]
        begin_s = newest.cycle.observation.at_s - newest.cycle.observation.window_s
        calm = quiet(records)
        if begin_s < self._end_s - _EPSILON_S or not calm or calm[-1] is not newest:
            return None
        self._end_s = newest.cycle.observation.at_s
        found = residuals(self._model, self._goals, [_shown(newest, records)])
        self.residuals += found
        if self.drift is None:
            self.drift = self._accumulate(found)
            return self.drift
        return None

    def _accumulate(self, found: Iterable[Residual]) -> Drift | None:
        drifted: list[tuple[float, Drift]] = []
        for residual in found:
            edge = residual.edge
            off = residual.deviations(self.error_percent.get(edge.service, USUAL_ERROR_PERCENT))
            since = self._sums.setdefault(edge, Cusum()).add(residual.cycle, off)
            if since is not None:
                ratio = self._ratio(edge, since)
                drifted.append((abs(log(ratio)), Drift(edge, since, residual.cycle, ratio)))
        # Its callers wait for it, so they drift as well, but by a smaller share of what they take.
        return max(drifted, key=lambda each: each[0])[1] if drifted else None

    def _ratio(self, edge: EdgeId, since: int) -> float:
        return median(
            r.seen_p95_ms / r.expected.p95_ms for r in self.residuals if r.edge == edge and r.cycle >= since
        )


def unannounced(records: Iterable[Record]) -> tuple[Record, ...]:
    """The records as if nobody had been told of services that were slowed down on purpose.

    A loop is not told of one that became slow either: to the twin it is drift, and not an accident to leave
    out, as killed replicas and injected errors are.
    """
    return tuple(
        replace(record, incidents=tuple(i for i in record.incidents if not _is_slow_down(i)))
        for record in records
    )


def _is_slow_down(incident: object) -> bool:
    return isinstance(incident, FaultInjected) and isinstance(incident.fault, SlowDown)


def comparable(records: Sequence[Record]) -> tuple[Shown, ...]:
    """What a run shows that can be held against a twin: windows without faults that do not overlap."""
    return tuple(_shown(record, records) for record in apart(quiet(records)))


def _shown(record: Record, records: Sequence[Record]) -> Shown:
    observation = record.cycle.observation
    return Shown(
        record,
        frozenset(
            w.workload
            for w in observation.workloads
            if w.replicas_ready > 0 and is_steady(records, observation, w.workload)
        ),
    )


def residuals(model: TwinModel, goals: Goals, shown: Sequence[Shown]) -> list[Residual]:
    """What the windows left over, edge by edge where there are requests enough and replicas stayed."""
    found = []
    expected = expectations(model, goals, [each.record.cycle.observation for each in shown])
    behind = {station.workload: reach(model, station.workload) for station in model.stations}
    for window, twins in zip(shown, expected, strict=True):
        for seen in window.record.cycle.observation.edges:
            twin, latency = twins.get(seen.edge), seen.latency
            if twin is None or twin.busiest > BUSIEST or not latency.p95_is_trusted:
                continue
            if latency.p50_ms and latency.p95_ms and window.steady.issuperset(behind[seen.edge.workload]):
                cycle = window.record.cycle.id
                found.append(Residual(cycle, seen.edge, latency.n, latency.p50_ms, latency.p95_ms, twin))
    return found


def errors(rows: Iterable[Residual]) -> tuple[HeldOut, ...]:
    """How far the fast twin is off, by service: the medians."""
    by_service: dict[str, list[Residual]] = {}
    for row in rows:
        by_service.setdefault(row.edge.service, []).append(row)
    return tuple(
        HeldOut(
            service=service,
            n=len(of_one),
            p50_error_percent=median(_off_percent(r.expected.p50_ms, r.seen_p50_ms) for r in of_one),
            p95_error_percent=median(_off_percent(r.expected.p95_ms, r.seen_p95_ms) for r in of_one),
        )
        for service, of_one in by_service.items()
    )


def _off_percent(twin_ms: float, seen_ms: float) -> float:
    return 100.0 * abs(twin_ms - seen_ms) / seen_ms
