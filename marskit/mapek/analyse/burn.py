"""Multi-window, multi-burn-rate alerts: is an error budget being spent too fast, and does it continue?

Beyer, Murphy, Rensin, Kawahara and Thorne (eds.), The Site Reliability Workbook, chapter 5, "Alerting on
SLOs", sixth approach and table 5-8: the burn rate is the share of bad requests over the share that the
objective allows. A long window shows that it matters, a short one of a twelfth that it still continues.
"""

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from marskit.domain.diagnosis import Evidence, Severity, Symptom, SymptomKind
from marskit.domain.goals import Slo
from marskit.domain.observation import Observation
from marskit.mapek.analyse.slo import MIN_FAILURES, MIN_JUDGED_REQUESTS

HOUR_S = 300.0
"""Scenario seconds that stand for an hour of the workbook, which plans for 30 days. Windows and the budget's
period shrink by the same factor, so the rates stay as they are and the period is 2.5 scenario days."""
CALM = 0.8
"""An alert ends when the short window burns below this share of the rate that raised it."""


@dataclass(frozen=True, slots=True)
class BurnRule:
    """One pair of windows."""

    name: str
    long_h: float
    short_h: float
    rate: float
    severity: Severity
    spent: str
    """The share of the period's budget that is spent when the alert fires."""


RULES = (
    BurnRule("page", 1.0, 1.0 / 12, 14.4, Severity.CRITICAL, "2 %"),
    BurnRule("page", 6.0, 0.5, 6.0, Severity.CRITICAL, "5 %"),
    BurnRule("ticket", 72.0, 6.0, 1.0, Severity.WARNING, "10 %"),
)
"""Table 5-8 of the workbook, the most severe first."""


class _Window:
    """Total and bad requests of the last `length_s` scenario seconds.

    Time before the run, as far as the window reaches back, counts as equally loaded and without failures:
    no budget was spent then.
    """

    __slots__ = ("_bad", "_filled_s", "_length_s", "_parts", "_total")

    def __init__(self, length_s: float) -> None:
        self._length_s = length_s
        self._parts: deque[tuple[float, float, float]] = deque()
        self._filled_s = self._total = self._bad = 0.0

    def add(self, covered_s: float, total: float, bad: float) -> None:
        self._parts.append((covered_s, total, bad))
        self._filled_s += covered_s
        self._total += total
        self._bad += bad
        # Parts are kept whole, so the window may be slightly longer, but never shorter.
        while self._filled_s - self._parts[0][0] >= self._length_s:
            gone_s, fewer, better = self._parts.popleft()
            self._filled_s -= gone_s
            self._total -= fewer
            self._bad -= better

    @property
    def n(self) -> int:
        return round(self._total)

    @property
    def bad(self) -> float:
        return max(0.0, self._bad)

    def share(self) -> float:
        if self._total <= 0 or self._filled_s <= 0:
            return 0.0
        return self.bad / self._total * min(1.0, self._filled_s / self._length_s)


class ErrorBudget:
    """One half of one SLO: the rate at which its budget is spent, and the resulting alert."""

    def __init__(self, service: str, half: str, allowed: float) -> None:
        """Take the allowed share of bad requests, above 0."""
        self._service = service
        self._half = half
        self._allowed = allowed
        self._windows = [(_Window(rule.long_h * HOUR_S), _Window(rule.short_h * HOUR_S)) for rule in RULES]
        self._raised = [False] * len(RULES)

    def add(self, covered_s: float, total: float, bad: float) -> None:
        """Add requests of `covered_s` scenario seconds."""
        for i, (rule, (long, short)) in enumerate(zip(RULES, self._windows, strict=True)):
            long.add(covered_s, total, bad)
            short.add(covered_s, total, bad)
            burns = short.share() / self._allowed
            if self._raised[i]:
                self._raised[i] = burns > CALM * rule.rate
            else:
                enough = long.n >= MIN_JUDGED_REQUESTS and long.bad >= MIN_FAILURES
                self._raised[i] = enough and min(burns, long.share() / self._allowed) > rule.rate

    def symptom(self, speed: float) -> Symptom | None:
        """The most severe active alert; its windows are in real seconds."""
        for rule, (long, short), raised in zip(RULES, self._windows, self._raised, strict=True):
            if raised:
                burns = [round(window.share() / self._allowed, 2) for window in (long, short)]
                lengths_s = [hours * HOUR_S / speed for hours in (rule.long_h, rule.short_h)]
                return Symptom(
                    SymptomKind.BURN_RATE,
                    rule.severity,
                    self._service,
                    tuple(
                        Evidence(f"{self._half}_burn_rate", burn, rule.rate, window.n, length_s)
                        for burn, window, length_s in zip(burns, (long, short), lengths_s, strict=True)
                    ),
                    f"{rule.name.capitalize()}: {self._service} burns its {self._half} error budget "
                    f"{burns[0]:.1f} times too fast over {lengths_s[0]:.0f} s and {burns[1]:.1f} times "
                    f"over the last {lengths_s[1]:.0f} s; {rule.spent} of the budget is spent.",
                )
        return None


class Budgets:
    """The error budgets of all SLOs over one run."""

    def __init__(self) -> None:
        self._budgets: dict[tuple[Slo, str], ErrorBudget] = {}
        self._at_s: float | None = None

    def add(self, observation: Observation, slos: Iterable[Slo], speed: float) -> Iterator[Symptom]:
        """Add one observation; the alerts that are active then.

        Observations overlap: each counts for the time since the previous one, at most for its own window.
        """
        since_s = observation.window_s if self._at_s is None else observation.at_s - self._at_s
        covered_s = max(0.0, min(since_s, observation.window_s))
        self._at_s = observation.at_s
        for slo in slos:
            service = observation.service(slo.service)
            total = service.requests_per_s * covered_s
            failed = service.failures_per_s * covered_s
            slow = (total - failed) * (service.slow_percent or 0.0) / 100.0
            for half, allowed, of, bad in (
                ("availability", 1.0 - slo.availability_percent / 100.0, total, failed),
                ("latency", 1.0 - slo.quantile, total - failed, slow),
            ):
                budget = self._budgets.setdefault(
                    (slo, half), ErrorBudget(slo.service, half, max(allowed, 1e-6))
                )
                budget.add(covered_s * speed, of, bad)
                if symptom := budget.symptom(speed):
                    yield symptom
