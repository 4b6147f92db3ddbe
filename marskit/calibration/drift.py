"""Drift detection: whether the mesh still matches the card, by accumulating residuals of the twin's p95.

Every window without faults is compared with the fast twin's prediction under the same load, replicas and
weights. The residuals, in standard deviations, are summed for every edge by a two-sided CUSUM (Page 1954,
*Continuous Inspection Schemes*, Biometrika 41): a sum falls back to 0 as long as the twin is right, and grows
with every window once it is not. The drift began where the sum last left 0.
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
"""Standard deviations that a residual may deviate without being counted: half the shift to detect."""
LIMIT = 8.0
"""Sum that raises an alarm: by Siegmund's approximation (*Sequential Analysis*, 1985) a correct twin reaches
it once in 19 000 windows on either side, and one that is off by a standard deviation after 17."""
FURTHEST = 4.0
"""Largest contribution of a single window, so that an alarm needs three."""
WAITING = 0.75
"""Standard error of the (logarithmic) waiting part of a p95: within a few seconds queues are empty or
long, and rarely average."""
USUAL_ERROR_PERCENT = 10.0
"""Assumed p95 error of a twin whose error is unknown, in percent."""
BUSIEST = 0.85
"""Predicted utilisation above which a window's p95 depends on the time before it."""
_EPSILON_S = 1e-6


@dataclass(frozen=True, slots=True)
class Residual:
    """One edge in one window, as observed and as predicted by the twin."""

    cycle: int
    """The id of the observing cycle."""
    edge: EdgeId
    n: int
    seen_p50_ms: float
    seen_p95_ms: float
    expected: Expected

    def deviations(self, error_percent: float) -> float:
        """The deviation of the p95, in standard deviations of its logarithm.

        The twin's own error is a median absolute one; the p95 of `n` latencies whose logarithm has the
        standard deviation 0.47 (a coefficient of variation of a half) has the relative error 1 / sqrt(n)
        (Mosteller 1946). Requests that waited did so together, so `n` does not reduce the error of the
        waiting time.
        """
        waiting = WAITING * log(self.expected.p95_ms / self.expected.calm_p95_ms)
        spread = sqrt((MAD_TO_SIGMA * error_percent / 100.0) ** 2 + 1.0 / self.n + waiting**2)
        off = log(self.seen_p95_ms / self.expected.p95_ms) / spread
        return max(-FURTHEST, min(FURTHEST, off))


@dataclass(frozen=True, slots=True)
class Shown:
    """One window that can be compared with a twin."""

    record: Record
    steady: frozenset[str]
    """The workloads with a constant number of replicas."""


@dataclass(frozen=True, slots=True)
class Drift:
    """The twin deviates by more than chance."""

    edge: EdgeId
    since: int
    """The id of the first cycle that shows it."""
    found: int
    """The id of the cycle that raised the alarm."""
    ratio: float
    """The median of observed over predicted p95 since then."""

    @property
    def sentence(self) -> str:
        """The workload that drifted, and by how much."""
        percent = 100.0 * abs(self.ratio - 1.0)
        how = "slower" if self.ratio > 1.0 else "faster"
        return f"{self.edge.workload} responds {percent:.0f} % {how} than the twin predicts"


class Cusum:
    """The two sums of one edge."""

    def __init__(self) -> None:
        self._sums = {1.0: 0.0, -1.0: 0.0}
        self._since = {1.0: 0, -1.0: 0}

    def add(self, cycle: int, deviations: float) -> int | None:
        """Add one residual; once a sum exceeds the limit, the cycle since which the edge drifts."""
        for sign, total in self._sums.items():
            if total == 0.0:
                self._since[sign] = cycle
            self._sums[sign] = max(0.0, total + sign * deviations - SLACK)
            if self._sums[sign] > LIMIT:
                return self._since[sign]
        return None


class DriftDetector:
    """Watches the records of one run, and reports when the mesh no longer matches the twin."""

    def __init__(self, model: TwinModel, error_percent: Mapping[str, float], goals: Goals) -> None:
        self._goals = goals
        self.begin(model, error_percent)

    def begin(self, model: TwinModel, error_percent: Mapping[str, float]) -> None:
        """Reset all sums and compare with this model, which has these p95 errors."""
        self._model = model
        self.error_percent = error_percent
        self._sums: dict[EdgeId, Cusum] = {}
        self._end_s = float("-inf")
        self.residuals: list[Residual] = []
        self.drift: Drift | None = None

    def see(self, records: Sequence[Record]) -> Drift | None:
        """Take the newest of all records so far; returns the drift when it is detected."""
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
        # Its callers wait for it and drift as well, but by a smaller share of their latency.
        return max(drifted, key=lambda each: each[0])[1] if drifted else None

    def _ratio(self, edge: EdgeId, since: int) -> float:
        return median(
            r.seen_p95_ms / r.expected.p95_ms for r in self.residuals if r.edge == edge and r.cycle >= since
        )


def unannounced(records: Iterable[Record]) -> tuple[Record, ...]:
    """The records without mentions of injected slow-downs.

    Real slowdowns are not announced either: for the twin they are drift, not an accident to ignore like
    killed replicas and injected errors.
    """
    return tuple(
        replace(record, incidents=tuple(i for i in record.incidents if not _is_slow_down(i)))
        for record in records
    )


def _is_slow_down(incident: object) -> bool:
    return isinstance(incident, FaultInjected) and isinstance(incident.fault, SlowDown)


def comparable(records: Sequence[Record]) -> tuple[Shown, ...]:
    """The parts of a run that can be compared with a twin: windows without faults that do not overlap."""
    return tuple(_shown(record, records) for record in apart(quiet(records)))


def _shown(record: Record, records: Sequence[Record]) -> Shown:
    observation = record.cycle.observation
    return Shown(
        record,
        frozenset(
            w.workload
            for w in observation.workloads
            if w.replicas_ready and is_steady(records, observation, w.workload)
        ),
    )


def residuals(model: TwinModel, goals: Goals, shown: Sequence[Shown]) -> list[Residual]:
    """The residuals of the windows, for every edge with enough requests and constant replicas."""
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
    """The median error of the fast twin, by service."""
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
