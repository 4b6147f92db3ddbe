"""Canaries compared with their controls: the same callers over the same time, so the same load.

The manifests declare canaries (`marskit.dev/canary-of`); they are never guessed, because subsets may
differ by design. Every look closes a block of requests, and the newest 1, 2, 4 and 8 blocks are tested, so
that a large regression is found in one block and a small one in time. Repeated looks accumulate false alarms,
so one look may raise one with a probability of `FALSE_ALARM` only, shared evenly by its tests; this holds
however much their blocks overlap (Bonferroni; Dunn 1961, Journal of the American Statistical Association 56).
"""

from collections import deque
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field, replace

from marskit.domain.diagnosis import Evidence, Severity, Symptom, SymptomKind
from marskit.domain.metrics import Histogram, MeshSample, merge
from marskit.domain.topology import Topology
from marskit.mapek.analyse.hypothesis_tests import more_failures, slower
from marskit.mapek.analyse.slo import MIN_FAILURES, MIN_JUDGED_REQUESTS

FALSE_ALARM = 1e-4
"""Upper bound on the probability of a false alarm in one look."""
SPANS = (1, 2, 4, 8)
"""Numbers of newest blocks that are tested together."""
LEVEL = FALSE_ALARM / (2 * len(SPANS))
"""Significance level of one test: each span has one test of failures and one of latency."""
BASELINE = 32
"""Number of the control's blocks that are kept: rare failures need a long history."""
AT_ONCE = 0.01
"""Level at which the control of the very same blocks must be better, too."""
UNUSUAL = 0.05
"""Level at which the control fails more often than it used to: its past is then ignored, because trouble
that both share would accuse the canary alone."""
WORSE_PERCENT = 1.0
"""Smallest excess of the canary's failure rate that raises an alarm, in percentage points."""
SLOWER_MS = 20.0
SLOWER_SHARE = 0.25
"""Harmless slowdown as a share of the control's median; `SLOWER_MS` is always allowed."""
DESIGN_EFFECT = 3.0
"""Variance relative to independent requests: slow requests occur in groups, in the same queue or pause."""


@dataclass(frozen=True, slots=True)
class Canary:
    """A canary and its control, which does the same work."""

    workload: str
    control: str
    callers: frozenset[str]
    """The workloads that call both."""


@dataclass(frozen=True, slots=True)
class Tally:
    """The responses of one side."""

    requests: int = 0
    failures: int = 0
    successes_ms: Histogram = field(default_factory=Histogram)

    @property
    def error_percent(self) -> float:
        """The share of requests that failed, in percent; 0 without requests."""
        return 100.0 * self.failures / self.requests if self.requests else 0.0


@dataclass(frozen=True, slots=True)
class Block:
    """The responses of both sides between two looks."""

    duration_s: float
    canary: Tally
    control: Tally


NOTHING = Block(0.0, Tally(), Tally())


@dataclass(frozen=True, slots=True)
class CanaryFinding:
    """One test that a canary failed."""

    p: float
    evidence: tuple[Evidence, ...]
    """The canary's value, the control's value, and the p-value with its level."""
    sentence: str

    def symptom(self, canary: Canary, severity: Severity, sentence: str | None = None) -> Symptom:
        """The symptom that reports this finding."""
        kind = SymptomKind.CANARY_REGRESSION
        return Symptom(kind, severity, canary.workload, self.evidence, sentence or self.sentence)


def canaries(topology: Topology) -> tuple[Canary, ...]:
    """All workloads that the manifests declare as canaries."""
    found = []
    for workload in topology.workloads:
        if workload.canary_of is not None:
            callers = [
                frozenset(edge.source for edge in topology.edges if edge.workload == name)
                for name in (workload.name, workload.canary_of)
            ]
            found.append(Canary(workload.name, workload.canary_of, callers[0] & callers[1]))
    return tuple(found)


class CanaryTrial:
    """Collects the responses of one canary and its control, and tests them at every look."""

    def __init__(self, canary: Canary) -> None:
        self._canary = canary
        self._open = NOTHING
        self._blocks: deque[Block] = deque(maxlen=BASELINE)

    def add(self, sample: MeshSample) -> None:
        """Add a sample."""
        sides = (self._tally(sample, name) for name in (self._canary.workload, self._canary.control))
        self._open = _together((self._open, Block(sample.duration_s, *sides)))

    def forget(self) -> None:
        """Discard the canary's blocks; the control's history stays."""
        self._open = replace(self._open, canary=Tally())
        self._blocks = deque((replace(block, canary=Tally()) for block in self._blocks), BASELINE)

    def look(self) -> CanaryFinding | None:
        """Close the block and test; the clearest finding, or None."""
        if not self._open.canary.requests and not self._open.control.requests:
            return None
        self._blocks.append(self._open)
        self._open = NOTHING
        found = [finding for finding in self._findings() if finding.p < LEVEL]
        return min(found, key=lambda finding: finding.p, default=None)

    def _tally(self, sample: MeshSample, workload: str) -> Tally:
        edges = [
            e for e in sample.edges if e.edge.workload == workload and e.edge.source in self._canary.callers
        ]
        return Tally(
            sum(e.requests for e in edges),
            sum(e.failures for e in edges),
            merge(e.successes_ms for e in edges),
        )

    def _findings(self) -> Iterator[CanaryFinding]:
        for span in SPANS:
            if span > len(self._blocks):
                return
            # While the canary had no traffic, its control may have had a different load.
            newest = list(self._blocks)[-span:]
            recent = [block for block in newest if block.canary.requests]
            if recent:
                block = _together(recent)
                past = _together(list(self._blocks)[:-span]).control
                yield from _failing(self._canary, block, past)
                yield from _dragging(self._canary, block)


def _failing(who: Canary, block: Block, past: Tally) -> Iterator[CanaryFinding]:
    ours, theirs = block.canary, block.control
    allowed = theirs.error_percent + WORSE_PERCENT
    if ours.failures < MIN_FAILURES or not theirs.requests or ours.error_percent <= allowed:
        return
    if more_failures(ours.failures, ours.requests, theirs.failures, theirs.requests) >= AT_ONCE:
        return
    as_usual = more_failures(theirs.failures, theirs.requests, past.failures, past.requests) >= UNUSUAL
    baseline = _sum((theirs, past)) if as_usual else theirs
    p = more_failures(ours.failures, ours.requests, baseline.failures, baseline.requests)
    span_s = block.duration_s
    yield CanaryFinding(
        p,
        (
            Evidence("canary_error_percent", ours.error_percent, allowed, ours.requests, span_s),
            Evidence("control_error_percent", theirs.error_percent, allowed, theirs.requests, span_s),
            Evidence("p_value", p, LEVEL, ours.requests + baseline.requests, span_s),
        ),
        f"{who.workload} failed {ours.failures} of {ours.requests} requests, its control {who.control} "
        f"{theirs.failures} of {theirs.requests} in the same {block.duration_s:.0f} s ({_chance(p)}).",
    )


def _dragging(who: Canary, block: Block) -> Iterator[CanaryFinding]:
    ours, theirs = block.canary.successes_ms, block.control.successes_ms
    own_ms, other_ms = ours.quantile_ms(0.5), theirs.quantile_ms(0.5)
    if own_ms is None or other_ms is None or ours.n < MIN_JUDGED_REQUESTS or theirs.n < MIN_JUDGED_REQUESTS:
        return
    by_ms = max(SLOWER_MS, SLOWER_SHARE * other_ms)
    p = slower(ours, theirs, by_ms=by_ms, design_effect=DESIGN_EFFECT)
    yield CanaryFinding(
        p,
        (
            Evidence("canary_latency_p50_ms", own_ms, other_ms + by_ms, ours.n, block.duration_s),
            Evidence("control_latency_p50_ms", other_ms, other_ms + by_ms, theirs.n, block.duration_s),
            Evidence("p_value", p, LEVEL, ours.n + theirs.n, block.duration_s),
        ),
        f"{who.workload} responds in {own_ms:.0f} ms, its control {who.control} in {other_ms:.0f} ms "
        f"(medians of {ours.n} and {theirs.n} successes in the same {block.duration_s:.0f} s, {_chance(p)}).",
    )


def _chance(p: float) -> str:
    return f"p = {p:.0e}" if p >= 1e-12 else "p < 1e-12"


def _together(blocks: Collection[Block]) -> Block:
    return Block(
        sum(block.duration_s for block in blocks),
        _sum([block.canary for block in blocks]),
        _sum([block.control for block in blocks]),
    )


def _sum(tallies: Sequence[Tally]) -> Tally:
    return Tally(
        sum(tally.requests for tally in tallies),
        sum(tally.failures for tally in tallies),
        merge(tally.successes_ms for tally in tallies),
    )
