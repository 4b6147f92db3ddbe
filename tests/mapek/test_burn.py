from dataclasses import replace

import pytest

from marskit.domain.diagnosis import Severity, Symptom
from marskit.domain.goals import Slo
from marskit.domain.observation import Observation
from marskit.mapek.analyse.burn import Budgets
from tests.mapek.mesh import INTO_ORDERS, World

SLO = Slo("orders", 300.0)
SPEED = 7.5
WINDOW_S = 4.0
PERIOD_S = 2.0


def seen(number: int, *, failed: float = 0.0, slow: float = 0.0, rate: float = 40.0) -> Observation:
    """The observation of a cycle in which these shares of requests failed or were slow."""
    world = World().edge(INTO_ORDERS, requests_per_s=rate, failures_per_s=failed * rate)
    whole = world.observation(PERIOD_S * number)
    services = tuple(replace(service, slow_percent=100.0 * slow) for service in whole.services)
    return replace(whole, window_s=WINDOW_S, services=services)


def after(
    cycles: int,
    budgets: Budgets,
    *,
    begin: int = 1,
    failed: float = 0.0,
    slow: float = 0.0,
    rate: float = 40.0,
) -> list[list[Symptom]]:
    return [
        list(budgets.add(seen(number, failed=failed, slow=slow, rate=rate), (SLO,), SPEED))
        for number in range(begin, begin + cycles)
    ]


def first_alert(alerts: list[list[Symptom]]) -> int:
    return next(number for number, up in enumerate(alerts, 1) if up)


def test_what_the_objective_allows_never_alerts() -> None:
    assert not any(after(3000, Budgets(), failed=0.009, slow=0.045))


@pytest.mark.parametrize(
    ("failed", "slow", "severity", "cycles"),
    [
        # 2 % of the budget of 1 % are spent when 14.4 times it over 300 scenario seconds, 20 cycles, are.
        (1.0, 0.0, Severity.CRITICAL, 20 * 14.4 / 100),
        (0.2, 0.0, Severity.CRITICAL, 20 * 14.4 / 20),
        (0.08, 0.0, Severity.CRITICAL, 120 * 6.0 / 8),
        (0.03, 0.0, Severity.WARNING, 1440 * 1.0 / 3),
        (0.0, 1.0, Severity.CRITICAL, 20 * 14.4 / 20),
        (0.0, 0.15, Severity.WARNING, 1440 * 1.0 / 3),
    ],
)
def test_the_faster_a_budget_is_spent_the_sooner_and_graver_it_is_told(
    failed: float, slow: float, severity: Severity, cycles: float
) -> None:
    alerts = after(round(cycles) + 4, Budgets(), failed=failed, slow=slow)
    assert first_alert(alerts) == pytest.approx(cycles, abs=3)
    (symptom,) = alerts[-1]
    assert symptom.severity is severity
    long, short = symptom.evidence
    assert min(long.value, short.value) >= long.threshold == short.threshold
    assert long.window_s == pytest.approx(12 * short.window_s)


def test_an_alert_ends_soon_after_its_cause_and_does_not_flicker() -> None:
    budgets = Budgets()
    assert after(30, budgets, failed=0.5)[-1]
    ended = [up[0].severity if up else None for up in after(200, budgets, begin=31)]
    # A page looks back for half an hour of the workbook, ten cycles here; a ticket twelve times as long.
    pages, tickets = ended.count(Severity.CRITICAL), ended.count(Severity.WARNING)
    assert ended == [Severity.CRITICAL] * pages + [Severity.WARNING] * tickets + [None] * (
        200 - pages - tickets
    )
    assert pages <= 12
    assert pages + tickets <= 130


def test_a_short_burst_that_is_over_is_not_told() -> None:
    budgets = Budgets()
    assert not any(after(2, budgets, failed=0.3))
    assert not any(after(40, budgets, begin=3))


def test_too_few_requests_are_no_evidence() -> None:
    assert not any(after(4, Budgets(), failed=0.9, rate=0.2))


def test_both_halves_are_told_once_each() -> None:
    (*_, up) = after(40, Budgets(), failed=0.5, slow=1.0)
    assert [symptom.evidence[0].metric for symptom in up] == ["availability_burn_rate", "latency_burn_rate"]
    assert up[0].sentence.startswith(
        "Page: orders burns its availability error budget 50.0 times too fast over 40 s"
    )
