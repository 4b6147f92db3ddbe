"""Fault localisation: the workloads or edges that may be faulty, the most likely first.

Each workload is judged by its own time and errors, so that neither slowness nor errors of its callees count
against it, and by simple rules, which perform as well as learned models (arXiv:2510.04711).

* silent: requests are in flight and none is answered; see `silence`.
* down: replicas ended unexpectedly, or requests found none.
* slow: a request keeps its workers busy for longer than usual, whatever the load (utilisation law). Where
  that is not measured, or the time is not spent by its workers: by its own share of the latency.
* errors: it answers with errors that its own calls do not explain.
* overloaded: high utilisation or a queue at the usual work per request. Not a fault.
"""

from collections.abc import Iterable, Iterator, Mapping
from math import exp, sqrt

from marskit import text
from marskit.domain.diagnosis import Ailment, Evidence, Suspect
from marskit.domain.observation import Observation, WorkloadObservation
from marskit.mapek.analyse.anomaly import distance, sigma
from marskit.mapek.analyse.baselines import Normals, Usual
from marskit.mapek.analyse.symptoms import SATURATED, flag_words, is_saturated
from marskit.mapek.monitor.measures import (
    BUSY,
    MIN_MEAN_REQUESTS,
    ON_THE_WAY,
    OWN_ERRORS,
    OWN_LATENCY,
    Measure,
    Own,
    flagged,
)

SLOWER = 1.25
"""Smallest ratio to the usual work per request that counts as a fault, however certain."""
SURE = 4.5
"""Distance in standard deviations beyond chance, given thousands of windows a day."""
LATER = 1.5
"""Smallest ratio for own latency, which depends on much more than the service itself."""
MIN_ERRORS = 3
USUAL_ERRORS = 0.001
"""Share of errors that is usual in any case, from 0 to 1."""
CHANCE = 1e-4
"""Probability below which an event is not attributed to chance."""
STARTING_S = 20.0
"""Time a new replica may take to start, in real seconds."""


def suspects(
    observation: Observation,
    owns: Iterable[Own],
    normals: Normals,
    *,
    earlier: Mapping[str, Own],
    asked_at_s: Mapping[str, float],
    also: Iterable[Suspect] = (),
) -> tuple[Suspect, ...]:
    """All possible faults, the most likely first, each workload or edge once.

    Args:
        observation: Monitor's observation.
        owns: Each workload's own measures in it.
        normals: The usual values.
        earlier: Each workload's own measures in the previous window, for values that need two windows.
        asked_at_s: Time of the last increase of desired replicas, by workload.
        also: Suspects found by what has not finished.
    """
    found: list[Suspect] = [*_edges(observation), *also]
    for own in owns:
        workload = observation.workload(own.workload)
        asked_s = observation.at_s - asked_at_s.get(own.workload, float("-inf"))
        found += _down(workload, own, observation.window_s, is_starting=asked_s < STARTING_S)
        both = own.plus(earlier[own.workload]) if own.workload in earlier else own
        found += _slow(workload, own, both, observation, normals)
        found += _errors(workload, own, both, observation, normals)
        found += _overloaded(workload, own, observation, normals)
    found.sort(key=lambda suspect: (-suspect.score, suspect.subject))
    likeliest: dict[str, Suspect] = {}
    for suspect in found:
        likeliest.setdefault(suspect.subject, suspect)
    return tuple(likeliest.values())


def _down(
    workload: WorkloadObservation, own: Own, window_s: float, *, is_starting: bool
) -> Iterator[Suspect]:
    name, ready, desired = workload.workload, workload.replicas_ready, workload.replicas_desired
    evidence, words, score = [], [], 0.0
    if ready == 0 and desired > 0 and not is_starting:
        score = 1.0
    elif workload.replicas_lost:
        score = 0.95
    elif workload.replicas_missing and not is_starting:
        score = 0.8
    if own.lost >= MIN_ERRORS and own.lost >= own.requests / 100.0:
        score = max(score, 0.9)
        evidence.append(Evidence("requests_lost", own.lost, MIN_ERRORS, own.requests, window_s))
        words.append(f"{own.lost} of {own.requests} requests reached no replica or were cut off")
    if not score:
        return
    if workload.replicas_lost:
        evidence.append(Evidence("replicas_lost", workload.replicas_lost, 0, desired, window_s))
        words.append(f"{workload.replicas_lost} ended unexpectedly within {window_s:.0f} s")
    if ready is not None:
        evidence.append(Evidence("replicas_ready", ready, desired, desired, window_s))
        words.append(f"{ready} of {desired} ready now")
    yield Suspect(name, Ailment.DOWN, score, tuple(evidence), f"{name} lost replicas: {', '.join(words)}.")


def _slow(
    workload: WorkloadObservation, own: Own, both: Own, observation: Observation, normals: Normals
) -> Iterator[Suspect]:
    name, window_s = own.workload, observation.window_s
    busy, seen_s = _busy(own), window_s
    usual = normals.of(busy, observation) if busy else None
    if busy and usual and busy.value > SLOWER * usual.median and not is_slower(busy, usual):
        busy, seen_s = _busy(both), 2 * window_s
    if busy and usual and is_slower(busy, usual):
        times = busy.value / usual.median
        limit = max(SLOWER * usual.median, usual.median + SURE * sigma(busy, usual))
        yield Suspect(
            name,
            Ailment.SLOW,
            0.5 + 0.5 * (1.0 - 1.0 / times),
            (Evidence(BUSY, busy.value, limit, busy.n, seen_s),),
            f"{name} is slow itself: a request keeps a replica busy for {busy.value:.0f} ms, usually "
            f"{usual.median:.0f} ms ({times:.1f}×, n {busy.n}).",
        )
        return
    if own.latency_ms is None or own.latency_n < MIN_MEAN_REQUESTS or is_saturated(workload):
        return
    latency = Measure(OWN_LATENCY, name, own.latency_ms, own.latency_n, by_load=True)
    usual = normals.of(latency, observation)
    if usual and latency.value > LATER * usual.median and distance(latency, usual) > SURE:
        times = latency.value / usual.median
        yield Suspect(
            name,
            Ailment.SLOW,
            # Less certain than measured work.
            0.5 + 0.35 * (1.0 - 1.0 / times),
            (Evidence(OWN_LATENCY, latency.value, LATER * usual.median, latency.n, window_s),),
            f"{name} is slow itself: its own part of a request takes {latency.value:.0f} ms, usually "
            f"{usual.median:.0f} ms at this load ({times:.1f}×, n {latency.n}).",
        )


def _busy(own: Own) -> Measure | None:
    if own.busy_ms is None or own.busy_n < MIN_MEAN_REQUESTS:
        return None
    return Measure(BUSY, own.workload, own.busy_ms, own.busy_n)


def is_slower(busy: Measure, usual: Usual) -> bool:
    """Whether a request clearly takes more work than usual."""
    return busy.value > SLOWER * usual.median and distance(busy, usual) > SURE


def _errors(
    workload: WorkloadObservation, own: Own, both: Own, observation: Observation, normals: Normals
) -> Iterator[Suspect]:
    if _sheds(workload):
        # Overload also causes errors, and is reported as overload.
        return
    seen, seen_s = own, observation.window_s
    usual = normals.of(Measure(OWN_ERRORS, own.workload, own.error_percent or 0.0, own.requests), observation)
    share = max(USUAL_ERRORS, (usual.median + usual.sigma) / 100.0) if usual else USUAL_ERRORS
    if own.errors >= 0.5 and not _fails(own, share):
        seen, seen_s = both, 2 * observation.window_s
    if not _fails(seen, share):
        return
    percent = min(100.0, seen.error_percent or 0.0)
    yield Suspect(
        own.workload,
        Ailment.ERRORS,
        0.5 + 0.5 * sqrt(percent / 100.0),
        (Evidence("own_error_percent", percent, 100.0 * share, seen.requests, seen_s),),
        f"{own.workload} fails itself: {seen.errors:.0f} of {seen.requests} requests have errors "
        f"({percent:.1f} %) that its own calls do not explain.",
    )


def _fails(own: Own, share: float) -> bool:
    """Whether its own errors exceed what chance explains."""
    errors = round(own.errors)
    return errors >= MIN_ERRORS and _chance(errors, share * own.requests) < CHANCE


def _sheds(workload: WorkloadObservation) -> bool:
    """Whether errors may come from a full queue."""
    return (workload.utilisation or 0.0) > 0.95 and (workload.queued or 0.0) > workload.replicas_assumed


def _chance(count: int, mean: float) -> float:
    """The probability that a Poisson variable with that mean is at least `count`."""
    term = below = exp(-mean)
    for k in range(1, count):
        term *= mean / k
        below += term
    return 1.0 - below


def _overloaded(
    workload: WorkloadObservation, own: Own, observation: Observation, normals: Normals
) -> Iterator[Suspect]:
    if not is_saturated(workload):
        return
    name, busy, window_s = own.workload, workload.utilisation, observation.window_s
    evidence, words = [], []
    if busy is not None:
        evidence.append(Evidence("utilisation", busy, SATURATED, workload.replicas_assumed, window_s))
        words.append(f"{text.share(busy)} busy")
    if workload.queued:
        evidence.append(
            Evidence(
                "queued", workload.queued, workload.replicas_assumed, workload.replicas_assumed, window_s
            )
        )
        words.append(f"{workload.queued:.0f} requests waiting")
    each = _busy(own)
    usual = normals.of(each, observation) if each else None
    cost = f", at the usual {usual.median:.0f} ms of work per request" if usual else ""
    yield Suspect(
        name,
        Ailment.OVERLOADED,
        0.2 + 0.25 * min(1.0, busy or 0.0),
        tuple(evidence),
        f"{name} is overloaded (not faulty): {' and '.join(words)}{cost}.",
    )


def _edges(observation: Observation) -> Iterator[Suspect]:
    """The edges on which requests fail before they reach an existing workload."""
    for edge in observation.edges:
        count, n = flagged(edge, ON_THE_WAY), round(edge.requests_per_s * observation.window_s)
        if count < MIN_ERRORS or _chance(count, USUAL_ERRORS * n) > CHANCE:
            continue
        percent = min(100.0, 100.0 * count / n)
        yield Suspect(
            str(edge.edge),
            Ailment.ERRORS,
            0.5 + 0.5 * sqrt(percent / 100.0),
            (Evidence("error_percent", percent, 100.0 * USUAL_ERRORS, n, observation.window_s),),
            f"Requests on {edge.edge} fail on the way: {count} of {n}{flag_words(edge)}.",
        )
