"""Symptoms of single services, workloads and edges, each with its evidence."""

from collections.abc import Iterable, Iterator

from marskit import text
from marskit.domain.config import Configuration
from marskit.domain.diagnosis import Evidence, Severity, SloStatus, Symptom, SymptomKind
from marskit.domain.goals import Goals
from marskit.domain.observation import EdgeObservation, Observation, WorkloadObservation
from marskit.domain.topology import Topology
from marskit.mapek.analyse.slo import MIN_FAILURES, MIN_JUDGED_REQUESTS, seen

SATURATED = 0.8
"""Utilisation above which waiting times grow faster than load, from 0 to 1."""
EXHAUSTED = 0.95
QUEUED_PER_REPLICA = 1.0
"""Waiting requests per replica up to which there is no queue, whatever the utilisation."""
QUEUED_BY_CHANCE = 0.01
"""Probability down to which requests waiting at the moment of a sample are attributed to chance."""
IDLE = 0.3
ERROR_PERCENT = 1.0
"""Share of requests that may fail on an edge into a service without an SLO, in percent."""
MANY_ERRORS_PERCENT = 10.0

# Envoy's response flags, as its access log documentation names them.
_FLAGS = {
    "DC": "client disconnected",
    "FI": "injected fault",
    "LH": "failed health check",
    "NC": "no such cluster",
    "NR": "no route",
    "RL": "rate limited",
    "UC": "connection closed by the service",
    "UF": "connection failed",
    "UH": "no healthy replica",
    "UO": "overflow: circuit breaker open",
    "UR": "reset by the service",
    "URX": "retries exhausted",
    "UT": "timeout",
}


def is_saturated(workload: WorkloadObservation) -> bool:
    """Whether its replicas have more work than they can do without growing queues."""
    return (workload.utilisation or 0.0) > SATURATED or has_queue(workload)


def has_queue(workload: WorkloadObservation) -> bool:
    """Whether more requests wait than chance explains.

    With utilisation u, n requests or more wait with a probability below u^n: the queue of an M/M/c station
    (Erlang 1917). Above `SATURATED` a queue counts as one, though chance may lengthen it.
    """
    queued, busy = workload.queued or 0.0, workload.utilisation
    if queued <= QUEUED_PER_REPLICA * max(1, workload.replicas_assumed):
        return False
    return busy is None or busy > SATURATED or busy**queued < QUEUED_BY_CHANCE


def slo_symptoms(statuses: Iterable[SloStatus], observation: Observation, goals: Goals) -> Iterator[Symptom]:
    """The violated SLOs."""
    window_s = observation.window_s
    for status in statuses:
        slo, service = goals.slo(status.service), observation.service(status.service)
        if status.latency_met is False:
            p95_ms = status.latency_p95_ms or 0.0
            yield Symptom(
                SymptomKind.LATENCY_SLO,
                Severity.CRITICAL,
                status.service,
                (Evidence("latency_p95_ms", p95_ms, status.latency_ms, service.latency.n, window_s),),
                f"p95 of {status.service} is {p95_ms:.0f} ms; its objective is {status.latency_ms:.0f} ms "
                f"({service.latency.n} successes in {window_s:.0f} s).",
            )
        if status.availability_met is False and slo is not None:
            percent = status.availability_percent or 0.0
            failures = seen(service.failures_per_s, window_s)
            yield Symptom(
                SymptomKind.AVAILABILITY_SLO,
                Severity.CRITICAL,
                status.service,
                (Evidence("availability_percent", percent, slo.availability_percent, status.n, window_s),),
                f"{failures} of {status.n} requests to {status.service} failed in {window_s:.0f} s: "
                f"{percent:.1f} % availability; its objective is {slo.availability_percent:g} %.",
            )


def workload_symptoms(
    observation: Observation, topology: Topology, configuration: Configuration
) -> Iterator[Symptom]:
    """Missing replicas, saturation, and more replicas than the load needs."""
    for workload in observation.workloads:
        if workload.replicas_missing:
            yield _missing(workload, observation.window_s)
        if is_saturated(workload):
            yield _saturated(workload, observation.window_s)
        elif (
            workload.utilisation is not None
            and workload.utilisation < IDLE
            and min(workload.replicas_assumed, configuration.replicas_of(workload.workload))
            > topology.workload(workload.workload).min_replicas
        ):
            yield _idle(workload, observation.window_s)


def _missing(workload: WorkloadObservation, window_s: float) -> Symptom:
    ready, desired = workload.replicas_assumed, workload.replicas_desired
    return Symptom(
        SymptomKind.REPLICAS_MISSING,
        Severity.WARNING if ready else Severity.CRITICAL,
        workload.workload,
        (Evidence("replicas_ready", ready, desired, desired, window_s),),
        f"{workload.workload} has {ready} of {desired} replicas ready.",
    )


def _saturated(workload: WorkloadObservation, window_s: float) -> Symptom:
    evidence, words = [], []
    if workload.utilisation is not None:
        evidence.append(
            Evidence("utilisation", workload.utilisation, SATURATED, workload.replicas_assumed, window_s)
        )
        words.append(f"its workers are {text.share(workload.utilisation)} busy")
    if workload.queued and has_queue(workload):
        limit = QUEUED_PER_REPLICA * workload.replicas_assumed
        evidence.append(Evidence("queued", workload.queued, limit, workload.replicas_assumed, window_s))
        words.append(f"{workload.queued:.0f} requests are waiting")
    exhausted = (workload.utilisation or 0.0) > EXHAUSTED
    return Symptom(
        SymptomKind.SATURATION,
        Severity.CRITICAL if exhausted else Severity.WARNING,
        workload.workload,
        tuple(evidence),
        f"{workload.workload} is saturated: {' and '.join(words)} on {_replicas(workload.replicas_assumed)}.",
    )


def _idle(workload: WorkloadObservation, window_s: float) -> Symptom:
    utilisation = workload.utilisation or 0.0
    return Symptom(
        SymptomKind.OVERPROVISIONED,
        Severity.INFO,
        workload.workload,
        (Evidence("utilisation", utilisation, IDLE, workload.replicas_assumed, window_s),),
        f"{workload.workload} is {text.share(utilisation)} busy on {_replicas(workload.replicas_assumed)}: "
        "fewer would be enough.",
    )


def edge_symptoms(observation: Observation, goals: Goals) -> Iterator[Symptom]:
    """The edges that fail more often than the SLO of the called service allows."""
    window_s = observation.window_s
    for edge in observation.edges:
        n, failures = seen(edge.requests_per_s, window_s), seen(edge.failures_per_s, window_s)
        slo = goals.slo(edge.edge.service)
        allowed = 100.0 - slo.availability_percent if slo else ERROR_PERCENT
        percent = edge.error_percent or 0.0
        if n < MIN_JUDGED_REQUESTS or failures < MIN_FAILURES or percent <= allowed:
            continue
        yield Symptom(
            SymptomKind.EDGE_ERRORS,
            Severity.CRITICAL if percent >= MANY_ERRORS_PERCENT else Severity.WARNING,
            str(edge.edge),
            (Evidence("error_percent", percent, allowed, n, window_s),),
            f"{percent:.1f} % of {n} requests on {edge.edge} failed in {window_s:.0f} s{flag_words(edge)}.",
        )


def flag_words(edge: EdgeObservation) -> str:
    """Envoy's reasons for the failures of an edge, in words; empty if there are none."""
    flags = (edge.response_flags or ())[:3]
    words = [f"{_FLAGS.get(flag, 'see Envoy')} ({flag}) {count}×" for flag, count in flags]
    if edge.ejected:
        words.append(f"{_replicas(edge.ejected)} ejected")
    return f": {', '.join(words)}" if words else ""


def _replicas(count: int) -> str:
    return f"{count} replica" if count == 1 else f"{count} replicas"
