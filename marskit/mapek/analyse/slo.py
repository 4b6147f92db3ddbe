"""Whether each service meets its SLO, and whether there were enough requests to judge."""

from marskit.domain.diagnosis import SloStatus
from marskit.domain.goals import Slo
from marskit.domain.observation import Observation, ServiceObservation

MIN_JUDGED_REQUESTS = 20
"""Smallest number of requests for judging availability or a share of errors."""
MIN_FAILURES = 2
"""Smallest number of failures for a violation: a single one may be chance."""


def seen(per_s: float, window_s: float) -> int:
    """Number of requests counted over the window."""
    return round(per_s * window_s)


def slo_status(slo: Slo, observation: Observation) -> SloStatus:
    """The service's status against `slo`."""
    service = observation.service(slo.service)
    error_percent = service.error_percent
    return SloStatus(
        service=slo.service,
        latency_ms=slo.latency_ms,
        latency_p95_ms=service.latency.p95_ms,
        latency_met=_latency_met(slo, service),
        availability_percent=None if error_percent is None else 100.0 - error_percent,
        availability_met=_availability_met(slo, service, observation.window_s),
        n=seen(service.requests_per_s, observation.window_s),
        latency_n=service.latency.n,
    )


def _latency_met(slo: Slo, service: ServiceObservation) -> bool | None:
    """Judged by the p95 itself if that is the SLO's quantile, else by the slow share."""
    latency = service.latency
    if slo.quantile == 0.95:
        if not latency.p95_is_trusted or latency.p95_ms is None:
            return None
        return latency.p95_ms <= slo.latency_ms
    if latency.n * (1 - slo.quantile) < 2 or service.slow_percent is None:
        return None
    return service.slow_percent <= 100.0 * (1 - slo.quantile)


def _availability_met(slo: Slo, service: ServiceObservation, window_s: float) -> bool | None:
    error_percent = service.error_percent
    if error_percent is None or seen(service.requests_per_s, window_s) < MIN_JUDGED_REQUESTS:
        return None
    if error_percent <= 100.0 - slo.availability_percent:
        return True
    return False if seen(service.failures_per_s, window_s) >= MIN_FAILURES else None
