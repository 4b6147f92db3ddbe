"""Silence: replicas to which requests go and from which no answer comes, and who only waits for them.

A replica that hangs ends no request, so it is in no statistic of finished ones. What betrays it is requests
without answers, for much longer than answers usually take. Where single replicas are not measured, the edges
into a workload count as one.

A caller of a silent workload is silent too, with the same requests. It is not to blame: most of its requests
in flight wait in its own calls.
"""

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from statistics import median

from marskit.domain.diagnosis import Ailment, Evidence, Severity, Suspect, Symptom, SymptomKind
from marskit.domain.goals import Goals
from marskit.domain.observation import EdgeObservation, Observation, WorkloadObservation
from marskit.mapek.analyse.symptoms import is_saturated

LEAST_S = 1.0
"""Shortest silence that counts, in seconds: a process may pause to collect garbage."""
USUAL_TIMES = 3.0
"""Shortest silence as a multiple of the usual p99, by when two thirds of the requests are older than it."""
MIN_REQUESTS = 3
"""Number of unanswered requests below which `FEW_S` and `FEW_TIMES` count instead."""
FEW_S = 5.0
FEW_TIMES = 20.0
NEVER_S = 5.0
"""Shortest silence of one of which no answer has ever been seen, in seconds."""
OWN_SHARE = 0.5
"""Share of its requests in flight that must not wait in its own calls for a workload to be to blame."""
LATE_TIMES = 3.0
"""Smallest ratio of the least possible waiting time to the usual p99 that is reported."""
LATE_REQUESTS = 20
"""Smallest number of requests in flight for that."""
REMEMBERED = 8
"""Number of observations that the usual p99 rests on."""


class Waits:
    """The usual p99 at the callers of each workload, from the observations of a run."""

    def __init__(self) -> None:
        self._seen: dict[str, deque[float]] = {}

    def learn(self, observation: Observation) -> None:
        """Remember an observation in which nobody is silent."""
        for name, p99_ms in _p99s_ms(observation).items():
            self._seen.setdefault(name, deque(maxlen=REMEMBERED)).append(p99_ms)

    def usual_ms(self, workload: str) -> float | None:
        """The usual p99 in ms; None if no answer was ever seen."""
        seen = self._seen.get(workload)
        return median(seen) if seen else None


@dataclass(frozen=True, slots=True)
class Silent:
    """A workload with silent replicas, which nothing behind it explains."""

    workload: str
    replicas: tuple[str, ...]
    """The silent ones by name; empty if single replicas are not measured."""
    ready: int
    in_flight: int
    unanswered: int
    lasts_s: float
    usual_ms: float | None

    @property
    def is_whole(self) -> bool:
        """Whether no replica of the workload answers."""
        return not self.replicas or len(self.replicas) >= self.ready


def silences(observation: Observation, waits: Waits) -> tuple[Silent, ...]:
    """The silent workloads that are to blame themselves."""
    found = (_silent(workload, observation, waits) for workload in observation.workloads)
    return tuple(
        each
        for each in found
        if each is not None
        and _waiting_in_calls(each.workload, observation) < OWN_SHARE * max(1, each.in_flight)
    )


def _silent(workload: WorkloadObservation, observation: Observation, waits: Waits) -> Silent | None:
    name, usual_ms = workload.workload, waits.usual_ms(workload.workload)
    if workload.replicas:
        silent = [r for r in workload.replicas if is_silent(r.silent_s, r.unanswered, usual_ms)]
        if not silent:
            return None
        return Silent(
            name,
            tuple(replica.replica for replica in silent),
            workload.replicas_assumed,
            sum(replica.in_flight for replica in silent),
            sum(replica.unanswered for replica in silent),
            max(replica.silent_s for replica in silent),
            usual_ms,
        )
    into = [edge for edge in observation.edges if edge.edge.workload == name]
    waiting = [edge for edge in into if edge.unanswered]
    # One caller that gets answers shows that it lives.
    lasts_s = min((edge.silent_s or 0.0 for edge in waiting), default=0.0)
    unanswered = sum(edge.unanswered or 0 for edge in waiting)
    if workload.replicas_ready == 0 or not is_silent(lasts_s, unanswered, usual_ms):
        return None
    in_flight = sum(edge.in_flight or 0 for edge in waiting)
    return Silent(name, (), workload.replicas_assumed, in_flight, unanswered, lasts_s, usual_ms)


def is_silent(lasts_s: float, unanswered: int, usual_ms: float | None) -> bool:
    """Whether a replica that only takes its usual time would have answered by now."""
    if usual_ms is None:
        return lasts_s >= NEVER_S and unanswered >= MIN_REQUESTS
    if unanswered >= MIN_REQUESTS:
        return lasts_s >= max(LEAST_S, USUAL_TIMES * usual_ms / 1000.0)
    return unanswered > 0 and lasts_s >= max(FEW_S, FEW_TIMES * usual_ms / 1000.0)


def _waiting_in_calls(workload: str, observation: Observation) -> int:
    """Number of its own calls that it waits for."""
    return sum(edge.in_flight or 0 for edge in observation.edges if edge.edge.source == workload)


def silent_suspects(silent: Iterable[Silent]) -> Iterator[Suspect]:
    """The silent workloads as suspects; nothing else explains as much."""
    for each in silent:
        score = 0.99 if each.is_whole else 0.97
        # Where no answer was ever seen, it may be as slow as this by nature.
        score = score if each.usual_ms is not None else 0.8
        yield Suspect(each.workload, Ailment.SILENT, score, _evidence(each), _sentence(each))


def silence_symptoms(silent: Iterable[Silent]) -> Iterator[Symptom]:
    """The same as symptoms."""
    for each in silent:
        severity = Severity.CRITICAL if each.usual_ms is not None else Severity.WARNING
        yield Symptom(SymptomKind.SILENCE, severity, each.workload, _evidence(each), _sentence(each))


def _evidence(each: Silent) -> tuple[Evidence, ...]:
    return (
        Evidence("silent_s", each.lasts_s, LEAST_S, each.unanswered, each.lasts_s),
        Evidence("in_flight", each.in_flight, 0, each.unanswered, each.lasts_s),
        Evidence("answered", 0, 1, each.unanswered, each.lasts_s),
    )


def _sentence(each: Silent) -> str:
    who = f"{each.workload} does not answer"
    if each.replicas and not each.is_whole:
        names = ", ".join(each.replicas)
        who = f"{len(each.replicas)} of {each.ready} replicas of {each.workload} ({names}) "
        who += "does not answer" if len(each.replicas) == 1 else "do not answer"
    usual = (
        f"99 % are usually answered within {each.usual_ms:.0f} ms"
        if each.usual_ms is not None
        else "no answer has been seen yet"
    )
    return (
        f"{who}: {each.in_flight} requests in flight, 0 of {each.unanswered} answered for "
        f"{each.lasts_s:.1f} s; {usual}. If it is only slow, an answer takes {each.lasts_s:.1f} s or more."
    )


@dataclass(frozen=True, slots=True)
class Late:
    """A workload whose requests wait for longer than any finished request shows."""

    workload: str
    in_flight: int
    arrivals_per_s: float
    known_ms: float
    """Its highest p99 that is known, now or usually; else its latency objective."""

    @property
    def least_s(self) -> float:
        """Mean waiting time by Little's law (1961); the true one is longer while more and more wait."""
        return self.in_flight / max(self.arrivals_per_s, 1e-9)


def late_workloads(
    observation: Observation, goals: Goals, waits: Waits, silent: Iterable[Silent]
) -> Iterator[Late]:
    """The workloads that answer, but too late to be in any latency statistic yet."""
    told, now_ms = {each.workload for each in silent}, _p99s_ms(observation)
    for workload in observation.workloads:
        name = workload.workload
        if name in told:
            continue
        into = [edge for edge in observation.edges if edge.edge.workload == name]
        in_flight = sum(edge.in_flight or 0 for edge in into)
        if in_flight < LATE_REQUESTS or _waiting_in_calls(name, observation) > OWN_SHARE * in_flight:
            continue
        slo = goals.slo(workload.service)
        p99s_ms = [p for p in (waits.usual_ms(name), now_ms.get(name)) if p is not None]
        known_ms = max(p99s_ms, default=slo.latency_ms if slo else None)
        if known_ms is None:
            continue
        each = Late(name, in_flight, _arrivals_per_s(into, observation.window_s), known_ms)
        if 1000.0 * each.least_s > LATE_TIMES * known_ms:
            yield each


def late_symptoms(late: Iterable[Late], window_s: float) -> Iterator[Symptom]:
    """The late workloads as symptoms."""
    for each in late:
        evidence = _late_evidence(each, window_s)
        yield Symptom(SymptomKind.LATE, Severity.WARNING, each.workload, evidence, _late_sentence(each))


def late_suspects(late: Iterable[Late], observation: Observation) -> Iterator[Suspect]:
    """Those that are not only overloaded, as suspects; less certain than measured work.

    A workload that makes calls is none: its requests may wait in the proxy, on the way to a callee.
    """
    callers = {edge.edge.source for edge in observation.edges}
    for each in late:
        if each.workload not in callers and not is_saturated(observation.workload(each.workload)):
            evidence = _late_evidence(each, observation.window_s)
            yield Suspect(each.workload, Ailment.SLOW, 0.7, evidence, _late_sentence(each))


def _late_evidence(each: Late, window_s: float) -> tuple[Evidence, ...]:
    limit_ms = LATE_TIMES * each.known_ms
    return (
        Evidence("waiting_ms", 1000.0 * each.least_s, limit_ms, each.in_flight, window_s),
        Evidence("in_flight", each.in_flight, LATE_REQUESTS, each.in_flight, window_s),
    )


def _late_sentence(each: Late) -> str:
    return (
        f"{each.workload} answers late: {each.in_flight} requests in flight at {each.arrivals_per_s:.0f} "
        f"arrivals per second, so an answer takes {each.least_s:.1f} s or more (Little's law), against "
        f"{each.known_ms:.0f} ms in the latencies."
    )


def _arrivals_per_s(into: Iterable[EdgeObservation], window_s: float) -> float:
    """At most so many: as if all that are in flight had come within the window."""
    return sum(edge.requests_per_s + (edge.in_flight or 0) / max(window_s, 1e-9) for edge in into)


def _p99s_ms(observation: Observation) -> dict[str, float]:
    """The slowest caller's p99 of each workload that answered, in ms."""
    found: dict[str, float] = {}
    for edge in observation.edges:
        if edge.latency.p99_ms is not None:
            found[edge.edge.workload] = max(found.get(edge.edge.workload, 0.0), edge.latency.p99_ms)
    return found
