"""The rollback rule: whether a plan turned out worse than its prediction allows."""

from math import hypot, log, sqrt

from marskit.domain.actions import describe
from marskit.domain.diagnosis import SloStatus
from marskit.domain.goals import Goals, Slo
from marskit.domain.observation import Observation, ServiceObservation
from marskit.domain.plan import Plan, Prediction
from marskit.mapek.analyse.slo import slo_status
from marskit.mapek.execute.effect import load_change

SIGMAS = 2.0
"""Standard deviations by which a p95 may exceed its prediction."""
_MEDIAN = 0.6745
"""The median of |x| of a standard normal x: a median error, in standard deviations."""
MORE_LOAD = 1.1
"""Ratio to the predicted load above which the prediction does not apply."""
_WORSE = 1.1
"""Ratio below which a p95 counts as about the same, as in an effect's sentence."""


def tolerance(p95_error_percent: float, n: int) -> float:
    """The share by which a p95 observed on `n` requests may exceed its prediction.

    Two standard deviations of the twin's error and of the sample's together: the first from the median error
    on held-out runs, the second the asymptotic one of a sample quantile, `sqrt(q (1 - q) / n) / f(x)`
    (Mosteller 1946), for an exponential latency, of whose p95 it is `sqrt(19 / n) / ln 20`.
    """
    return SIGMAS * hypot(p95_error_percent / 100.0 / _MEDIAN, sqrt(19.0 / n) / log(20.0))


def complaint(plan: Plan, before: Observation, after: Observation, goals: Goals) -> str | None:
    """Why the plan should be rolled back, in one sentence; None if it should not, or if that is unknown.

    It should if an SLO is violated that was met before, or that the plan or doing nothing would have met;
    if the result is worse than the prediction allows; and if it is worse both than before and than the
    prediction for doing nothing, so that a rollback can be expected to help.

    Args:
        plan: The plan with its predictions; all its actions were executed.
        before: The observation on which it was decided.
        after: The observation since it became effective.
        goals: The SLOs.
    """
    predicted, nothing = plan.prediction, plan.nothing
    if predicted is None or nothing is None or predicted.p95_tolerance_percent is None:
        return None
    slo = goals.slo(predicted.service)
    service = next((s for s in after.services if s.service == predicted.service), None)
    if slo is None or service is None or not _is_comparable(predicted, before, after, service):
        return None
    was, now = slo_status(slo, before), slo_status(slo, after)
    hopeful = was.met or _meets(predicted, slo) or _meets(nothing, slo)
    if now.met is not False or not hopeful:
        return None
    worse = _slower(predicted, nothing, slo, was, now) or _failing(predicted, nothing, slo, was, now)
    if worse is None:
        return None
    done = ", ".join(describe(action) for action in plan.actions)
    return f"After “{done}” {worse}, at about the same load."


def _is_comparable(
    predicted: Prediction, before: Observation, after: Observation, service: ServiceObservation
) -> bool:
    """Whether load and replicas match those of the prediction."""
    return (
        load_change(before, after) is None
        and service.requests_per_s <= MORE_LOAD * predicted.requests_per_s
        and all(w.replicas_missing == 0 for w in after.workloads)
    )


def _meets(prediction: Prediction, slo: Slo) -> bool:
    return (
        prediction.latency_p95_ms is not None
        and prediction.slow_percent <= 100.0 * (1.0 - slo.quantile)
        and prediction.error_percent <= 100.0 - slo.availability_percent
    )


def _slower(
    predicted: Prediction, nothing: Prediction, slo: Slo, was: SloStatus, now: SloStatus
) -> str | None:
    seen, old = now.latency_p95_ms, was.latency_p95_ms
    expected, otherwise = predicted.latency_p95_ms, nothing.latency_p95_ms
    if now.latency_met is not False or was.latency_met is None:
        return None
    if seen is None or old is None or expected is None or otherwise is None:
        return None
    assert predicted.p95_tolerance_percent is not None
    factor = 1.0 + tolerance(predicted.p95_tolerance_percent, now.latency_n)
    # A plan predicted to violate an SLO that doing nothing would meet must not violate it at all.
    allowed = expected * factor if _meets(predicted, slo) or not _meets(nothing, slo) else slo.latency_ms
    if seen <= max(allowed, otherwise * factor, _WORSE * old):
        return None
    return (
        f"p95 of {predicted.service} rose from {old:.0f} ms to {seen:.0f} ms; the prediction was "
        f"{expected:.0f} ms ({otherwise:.0f} ms without it), which allows at most {allowed:.0f} ms on "
        f"{now.latency_n} requests"
    )


def _failing(
    predicted: Prediction, nothing: Prediction, slo: Slo, was: SloStatus, now: SloStatus
) -> str | None:
    if now.availability_met is not False or now.availability_percent is None:
        return None
    if was.availability_percent is None:
        return None
    seen, old = 100.0 - now.availability_percent, 100.0 - was.availability_percent
    budget = 100.0 - slo.availability_percent
    allowed = budget + (predicted.error_percent if _meets(predicted, slo) else 0.0)
    if seen <= max(allowed, budget + nothing.error_percent, budget + old):
        return None
    return (
        f"errors of {predicted.service} rose from {old:.1f} % to {seen:.1f} %; "
        f"the prediction was {predicted.error_percent:.1f} % ({nothing.error_percent:.1f} % without it), "
        f"which allows at most {allowed:.1f} % on {now.n} requests"
    )
