"""The score card of one planner."""

from dataclasses import asdict, dataclass

from marskit.grading.secret import Sealed
from marskit.pictures.bundle import Bundle, of_document
from marskit.statistics import Estimate


@dataclass(frozen=True, slots=True)
class Row:
    """One planner's figures: interquartile means per run with 95 % intervals."""

    planner: str
    violation_minutes: Estimate
    replica_minutes: Estimate
    failed_requests: Estimate
    actions: Estimate
    utility_per_s: Estimate


@dataclass(frozen=True, slots=True)
class Score:
    """What was measured of the graded planner beyond its row."""

    share_percent: float | None
    """Its way from static to the oracle in mean utility; None where the oracle is not above static."""
    violations_against: Estimate
    """Mean paired difference of the violation minutes from the tuned HPA's."""
    utility_against: Estimate
    """The same of the utility per second."""


@dataclass(frozen=True, slots=True)
class CardConduct:
    """How the planner behaved over all runs."""

    decisions: int
    without_plan: int
    """Decisions without a usable plan, for any of the reasons below or because the plan was not valid."""
    raised: int
    late: int
    killed: int
    not_asked: int
    clamped: int
    """Actions that the shield limited or dropped."""
    median_ms: float | None
    """Median time to a plan; None if none was timed."""
    p95_ms: float | None
    complaint: str
    """The first reason for which there was no usable plan."""
    reproducible: bool
    """False where the clock on the wall stopped the planner, so the result depends on the machine."""


@dataclass(frozen=True, slots=True)
class ScoreCard:
    """One planner against its rivals on identical arrivals."""

    planner: str
    failure: str
    """Why it could not be measured; empty if it was."""
    rows: tuple[Row, ...]
    """The graded planner first, unless it failed, then its rivals."""
    score: Score | None
    conduct: CardConduct | None
    scenarios: tuple[str, ...]
    seeds: tuple[int, ...]
    """The seeds that are not secret."""
    secret: Sealed | None
    engine: str
    sha256: str | None
    """Of the planner's file; None for a planner without one."""
    tuned: str
    """The autoscaler that was chosen as the tuned HPA."""
    versions: tuple[tuple[str, str], ...]
    caveat: str

    def as_dict(self) -> dict[str, object]:
        """The card as plain values, for JSON."""
        return {"format": 1, **asdict(self), "versions": dict(self.versions)}

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> Bundle:
        from marskit.grading.words import document

        return of_document(document(self))
