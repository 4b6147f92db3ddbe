"""Whether the present still is what a plan was made for."""

from dataclasses import dataclass

from marskit import text
from marskit.domain.config import Configuration
from marskit.domain.diagnosis import Diagnosis
from marskit.domain.observation import Observation
from marskit.mapek.monitor.measures import entry_rate

MATERIAL = 0.5
"""Change of the load that makes a plan out of date, as a share of the load it was made for."""
LEAST_REQUESTS_PER_S = 5.0
"""Smallest such change: a share of next to nothing means nothing."""


@dataclass(frozen=True, slots=True)
class Situation:
    """What a plan is made for."""

    observation: Observation
    diagnosis: Diagnosis
    configuration: Configuration


def load_moved(before: float, now: float) -> bool:
    """Whether the load changed by half or more."""
    return abs(now - before) >= max(MATERIAL * before, LEAST_REQUESTS_PER_S)


class Watch:
    """Compares the present with what a plan was made for, once a period."""

    def __init__(self, made_for: Situation) -> None:
        self._made_for = made_for
        self._elsewhere: tuple[str | None, str | None] | None = None
        """Where the fault or the bottleneck was at the last look, if not where the plan had it."""

    def outdated(self, now: Situation) -> str | None:
        """Why the plan is out of date, in a few words; None if it is not."""
        if now.diagnosis.unknown is not None:
            return None
        before = self._made_for
        if (changed := _changed(before.configuration, now.configuration)) is not None:
            return f"{changed} changed"
        was, is_now = entry_rate(before.observation), entry_rate(now.observation)
        if load_moved(was, is_now):
            return f"the load went from {text.number(was)} to {text.rate(is_now)}"
        met = now.diagnosis.slo_met
        if met is not None and before.diagnosis.slo_met is not None and met != before.diagnosis.slo_met:
            return "the SLOs are met again" if met else "an SLO is violated"
        return self._moved(now.diagnosis)

    def _moved(self, now: Diagnosis) -> str | None:
        """A fault or bottleneck somewhere else, two looks in a row: one look may be chance."""
        before, present = _blamed(self._made_for.diagnosis), _blamed(now)
        if present == before:
            self._elsewhere = None
            return None
        confirmed, self._elsewhere = present == self._elsewhere, present
        if not confirmed:
            return None
        (suspect, bottleneck), (suspect_now, bottleneck_now) = before, present
        if suspect_now != suspect:
            return _other("likeliest fault", suspect, suspect_now, gone="no fault is suspected any more")
        return _other("bottleneck", bottleneck, bottleneck_now, gone="there is no bottleneck any more")


def _other(what: str, before: str | None, now: str | None, *, gone: str) -> str:
    if now is None:
        return f"{gone} (before: {before})"
    return f"the {what} is now {now}" + (f", not {before}" if before else "")


def _blamed(diagnosis: Diagnosis) -> tuple[str | None, str | None]:
    fault = next((suspect for suspect in diagnosis.suspects if suspect.is_fault), None)
    return (f"{fault.subject} {fault.ailment}" if fault else None), diagnosis.bottleneck


def _changed(before: Configuration, now: Configuration) -> str | None:
    """What was reconfigured, or None."""
    if before == now:
        return None
    then = dict(before.replicas)
    for workload, replicas in now.replicas:
        if then.get(workload) != replicas:
            return f"the replicas of {workload}"
    routes = [route.label for route in now.routes if route not in before.routes]
    return f"the route {routes[0]}" if routes else "outlier detection"
