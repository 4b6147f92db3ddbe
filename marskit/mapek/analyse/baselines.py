"""Usual values: medians and deviations from earlier runs and from this run so far."""

from bisect import bisect_left, insort
from collections import defaultdict, deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import floor, log
from statistics import median

from marskit.domain.baselines import MAD_TO_SIGMA, Baseline, Baselines, BucketKind
from marskit.domain.observation import Observation
from marskit.mapek.monitor.measures import Measure, entry_rate, measures, own_measures

MIN_N = 12
"""Smallest number of windows for a baseline."""
KEPT = 60
"""Number of windows of each kind that a run keeps."""
_LEVEL_STEP = log(1.25)
_HOUR_S = 3600.0

Key = tuple[str, str, int | None]
"""Metric, subject, and bucket."""


def level(requests_per_s: float) -> int:
    """The load level of a request rate; each level is a quarter above the previous one."""
    return floor(log(max(requests_per_s, 1.0)) / _LEVEL_STEP)


def bucket(by: BucketKind, observation: Observation) -> int:
    """The bucket of baselines that this observation belongs to."""
    if by is BucketKind.LOAD:
        return level(entry_rate(observation))
    return int(observation.load.scenario_s // _HOUR_S) if observation.load else 0


def baselines_of(observations: Iterable[Observation], *, runs: int = 1) -> Baselines:
    """Baselines by load level from healthy observations; windows may overlap."""
    values: defaultdict[tuple[str, str, int], list[float]] = defaultdict(list)
    for observation in observations:
        at = bucket(BucketKind.LOAD, observation)
        for each in measures(observation, own_measures(observation)):
            values[each.metric, each.subject, at].append(each.value)
    return from_mapping(
        {key: (*_median_and_mad(sorted(seen)), len(seen)) for key, seen in sorted(values.items())},
        by=BucketKind.LOAD,
        runs=runs,
    )


def from_mapping(
    found: Mapping[tuple[str, str, int], tuple[float, float, int]], *, by: BucketKind, runs: int
) -> Baselines:
    """Baselines from `(metric, subject, bucket) -> (median, mad, windows)`, each as in `Baseline`.

    The question `baselines` reports the same numbers under the same names.
    """
    return Baselines(tuple(Baseline(*key, *normal) for key, normal in found.items()), by, runs)


@dataclass(frozen=True, slots=True)
class Usual:
    """The usual value of a number."""

    median: float
    sigma: float
    """Standard deviation, estimated from the median absolute deviation."""
    n: int
    """Number of windows that both are estimated from."""


class Normals:
    """Looks up usual values: in recorded baselines, else in this run, else in the model of the mesh."""

    def __init__(
        self, recorded: Baselines | None = None, expected: Mapping[tuple[str, str], float] = {}
    ) -> None:
        """Take the recorded baselines, and `(metric, subject) -> value` where known in advance."""
        self._by = recorded.by if recorded else BucketKind.LOAD
        self._expected = expected
        self._recorded: dict[Key, Usual] = {}
        pooled: defaultdict[tuple[str, str], list[Baseline]] = defaultdict(list)
        for each in recorded.rows if recorded else ():
            if each.n >= MIN_N:
                self._recorded[each.metric, each.subject, each.bucket] = _usual(each)
            pooled[each.metric, each.subject].append(each)
        for (metric, subject), rows in pooled.items():
            if (together := _pooled(rows)).n >= MIN_N:
                self._recorded[metric, subject, None] = together
        self._seen: defaultdict[Key, _Window] = defaultdict(_Window)

    def of(self, each: Measure, observation: Observation) -> Usual | None:
        """The usual value of the number in this situation; None if unknown."""
        found = self._recorded.get(self._key(each, bucket(self._by, observation) if each.by_load else None))
        if found is not None:
            return found
        seen = self._seen.get(self._key(each, level(entry_rate(observation)) if each.by_load else None))
        if seen is not None and seen.n >= MIN_N:
            return seen.usual()
        known = self._expected.get((each.metric, each.subject))
        return None if known is None else Usual(known, 0.0, 0)

    def learn(self, each: Measure, observation: Observation) -> None:
        """Add a number of this run that was not unusual."""
        at = level(entry_rate(observation)) if each.by_load else None
        self._seen[self._key(each, at)].add(each.value)

    def _key(self, each: Measure, at: int | None) -> Key:
        return each.metric, each.subject, at


class _Window:
    """The last values of one kind, ordered by time and by size."""

    __slots__ = ("_in_time", "_sorted", "_usual")

    def __init__(self) -> None:
        self._in_time: deque[float] = deque()
        self._sorted: list[float] = []
        self._usual: Usual | None = None

    @property
    def n(self) -> int:
        return len(self._sorted)

    def add(self, value: float) -> None:
        self._in_time.append(value)
        insort(self._sorted, value)
        if len(self._in_time) > KEPT:
            del self._sorted[bisect_left(self._sorted, self._in_time.popleft())]
        self._usual = None

    def usual(self) -> Usual:
        if self._usual is None:
            middle, mad = _median_and_mad(self._sorted)
            self._usual = Usual(middle, MAD_TO_SIGMA * mad, self.n)
        return self._usual


def _median_and_mad(values: list[float]) -> tuple[float, float]:
    """Both in the unit of the values; the deviation is unscaled."""
    middle = median(values)
    return middle, median(abs(value - middle) for value in values)


def _usual(each: Baseline) -> Usual:
    return Usual(each.median, MAD_TO_SIGMA * each.mad, each.n)


def _pooled(rows: list[Baseline]) -> Usual:
    """The median of the buckets' medians, weighted by their windows, and the same of deviations."""
    return Usual(
        _weighted_median([(each.median, each.n) for each in rows]),
        MAD_TO_SIGMA * _weighted_median([(each.mad, each.n) for each in rows]),
        sum(each.n for each in rows),
    )


def _weighted_median(pairs: list[tuple[float, int]]) -> float:
    half, so_far = sum(n for _, n in pairs) / 2.0, 0
    for value, n in sorted(pairs):
        so_far += n
        if so_far >= half:
            return value
    raise ValueError("the median of nothing")
