"""A rule of thumb: scale the bottleneck, avoid what fails or does not answer, remove idle replicas."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil

from marskit import text
from marskit.agents.rerouting import Rerouting
from marskit.agents.settings import SettingsInForce
from marskit.agents.silence import against_silence, more_replicas, silent_workloads
from marskit.domain.actions import Scale, target
from marskit.domain.diagnosis import Diagnosis
from marskit.domain.observation import WorkloadObservation
from marskit.domain.plan import Candidate, Plan
from marskit.mapek.analyse.symptoms import has_queue
from marskit.planning import PlanningView

EJECTING_WINDOWS = 2.0
"""For how long after a workload was silent its failures are left to ejection, in windows."""


@dataclass(frozen=True, slots=True)
class Thresholds:
    """The numbers of the rule."""

    aim: float = 0.6
    """Utilisation that scaling up aims for."""
    idle: float = 0.3
    """Utilisation below which a workload counts as idle."""
    idle_cycles: int = 8
    """Number of idle cycles in a row after which a workload loses a replica."""


class Threshold:
    """Reacts to the diagnosis alone: no model, no predictions, only a few counters."""

    name = "threshold"
    summary = (
        "Scales the bottleneck of an SLO violation in proportion to its utilisation, moves traffic away "
        "from a failing subset, limits the time of requests to replicas that do not answer and ejects "
        "them, and removes replicas that stay idle."
    )

    def __init__(self, thresholds: Thresholds | None = None) -> None:
        self._thresholds = thresholds or Thresholds()
        self.reset(0)

    def reset(self, seed: int) -> None:
        """Forget all counters; the seed is unused, because nothing is random."""
        self._idle_cycles: dict[str, int] = {}
        self._violations = 0
        self._scaled: dict[str, tuple[float, int]] = {}
        self._rerouting = Rerouting()
        self._settings = SettingsInForce()
        self._silent_at_s: dict[str, float] = {}

    def plan(self, diagnosis: Diagnosis, view: PlanningView) -> Plan:
        """React to violations at once; without a reaction, remove one replica or step back one route."""
        self._violations = self._violations + 1 if diagnosis.slo_met is False else 0
        self._count_idle(diagnosis, view)
        self._settings.follow(diagnosis, view)
        self._silent_at_s |= dict.fromkeys(silent_workloads(diagnosis), view.now_s)
        # Requests that have run into the new time limit are still in the window.
        ejecting = [
            name
            for name, at_s in self._silent_at_s.items()
            if view.now_s - at_s <= EJECTING_WINDOWS * view.observation.window_s
        ]
        away = self._rerouting.away(diagnosis, view, is_lasting=self._violations >= 2, ejecting=ejecting)
        relieved = {w for w, c in away.items() if c.actions}
        taken = {target(action) for candidate in away.values() for action in candidate.actions}
        urgent = [
            *away.values(),
            *self._settings.wanted(against_silence(diagnosis, view), view, taken),
            *self._replacing(diagnosis, view, relieved),
            *self._scale_up(diagnosis, view, relieved),
        ]
        chosen = [candidate for candidate in urgent if candidate.actions]
        back = self._settings.back(taken) if diagnosis.slo_met else []
        calm = [] if chosen else [*self._rerouting.back(view), *back, *self._scale_down(view)]
        nothing = Candidate((), _why_nothing(diagnosis, urgent))
        chosen = chosen or [candidate for candidate in calm if candidate.actions][:1] or [nothing]
        proposed = tuple(action for candidate in chosen for action in candidate.actions)
        for action in proposed:
            if isinstance(action, Scale):
                self._idle_cycles[action.workload] = 0
                self._scaled[action.workload] = (view.now_s, action.replicas)
        reason = " ".join(candidate.reason for candidate in chosen)
        return Plan(self.name, (*urgent, *calm, nothing), proposed, reason)

    def _replacing(self, diagnosis: Diagnosis, view: PlanningView, relieved: set[str]) -> list[Candidate]:
        """More replicas for workloads with some that do not answer, unless their traffic goes elsewhere."""
        found = [
            more_replicas(name, view, self._thresholds.aim)
            for name in silent_workloads(diagnosis)
            if name not in relieved
        ]
        return [candidate for candidate in found if candidate is not None]

    def _count_idle(self, diagnosis: Diagnosis, view: PlanningView) -> None:
        for workload in view.observation.workloads:
            idle = workload.utilisation is not None and workload.utilisation < self._thresholds.idle
            calm = diagnosis.slo_met is True and workload.workload not in silent_workloads(diagnosis)
            self._idle_cycles[workload.workload] = (
                self._idle_cycles.get(workload.workload, 0) + 1 if idle and calm else 0
            )

    def _scale_up(self, diagnosis: Diagnosis, view: PlanningView, relieved: set[str]) -> list[Candidate]:
        name, silent = diagnosis.bottleneck, silent_workloads(diagnosis)
        if name in silent:
            # What does not answer is cared for already; another workload may be overloaded beside it.
            name = _overloaded(view, {*relieved, *silent})
        if name is None or name in relieved:
            return []
        workload = view.observation.workload(name)
        now, most = view.configuration.replicas_of(name), view.topology.workload(name).max_replicas
        if now >= most:
            return [
                Candidate((), f"{name} is the bottleneck but already has its maximum of {most} replicas.")
            ]
        wanted, why = self._wanted(workload, now, view)
        if wanted <= now:
            return [Candidate((), f"{name} is the bottleneck, but {why}.")]
        wanted = min(wanted, most)
        return [
            Candidate(
                (Scale(name, wanted),), f"{name} is the bottleneck: {why}; from {now} to {wanted} replicas."
            )
        ]

    def _wanted(self, workload: WorkloadObservation, now: int, view: PlanningView) -> tuple[int, str]:
        """The replicas that bring the workload to the target utilisation, at least one more than now."""
        ready = workload.replicas_ready
        if ready is None:
            return now, "the number of its ready replicas is unknown"
        if ready < now:
            return now, f"{now - ready} of its {now} replicas are still starting"
        if workload.utilisation is None:
            return now + 1, "its utilisation is not measured"
        # The window's mean includes the time before the queue; with a queue, all workers are busy.
        busy = 1.0 if has_queue(workload) else workload.utilisation
        if busy < self._thresholds.idle:
            return now, f"at {text.share(busy)} utilisation more replicas would not help"
        aimed = ceil(ready * busy / self._thresholds.aim)
        if aimed <= now and self._is_just_scaled(workload.workload, now, view):
            # Utilisation shows new replicas at once; the p95 only after old requests have left the window.
            return now, f"it was scaled to {now} replicas only recently"
        why = f"utilisation {text.share(busy)}, target {text.share(self._thresholds.aim)}"
        if aimed <= now and self._violations < 2:
            return now, f"{why}; the next cycle will show whether this lasts"
        if has_queue(workload):
            why = f"{workload.queued:.0f} requests are waiting, {why}"
        return max(aimed, now + 1), why

    def _is_just_scaled(self, name: str, now: int, view: PlanningView) -> bool:
        """Whether our last scaling was applied and the window still holds requests from before it."""
        at_s, replicas = self._scaled.get(name, (float("-inf"), now))
        # A second window gives a new replica time to start.
        return replicas == now and view.now_s - at_s <= 2 * view.observation.window_s

    def _scale_down(self, view: PlanningView) -> list[Candidate]:
        """One replica less for the workload that has been idle for longest."""
        limit, waiting = self._thresholds.idle_cycles, self._rerouting.waiting(view)
        idle = [
            w.name
            for w in view.topology.workloads
            if self._idle_cycles.get(w.name, 0) >= limit
            and w.name not in waiting
            and view.configuration.replicas_of(w.name) > w.min_replicas
        ]
        return [
            Candidate(
                (Scale(name, view.configuration.replicas_of(name) - 1),),
                f"{name} was below {text.share(self._thresholds.idle)} utilisation for "
                f"{self._idle_cycles[name]} cycles: remove one replica.",
            )
            for name in sorted(idle, key=lambda name: -self._idle_cycles[name])
        ]


def _overloaded(view: PlanningView, others: set[str]) -> str | None:
    """The workload with the longest queue that is none of the others; None if there is no queue."""
    queues = [w for w in view.observation.workloads if w.workload not in others and has_queue(w)]
    return max(queues, key=lambda w: w.queued or 0.0).workload if queues else None


def _why_nothing(diagnosis: Diagnosis, urgent: Sequence[Candidate]) -> str:
    if urgent:
        return f"Do nothing: {urgent[0].reason}"
    match diagnosis.slo_met:
        case True:
            return "Do nothing: all SLOs are met and no workload has been idle for long."
        case False:
            return "Do nothing: no rule helps against this violation."
        case None:
            return "Do nothing: too few requests to judge."
