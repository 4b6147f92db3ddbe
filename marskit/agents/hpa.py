"""The Kubernetes HorizontalPodAutoscaler, as closely as observations allow.

Follows "Horizontal Pod Autoscaling" of the Kubernetes documentation (Concepts, Workloads, Autoscaling), its
sections "Algorithm details" and "Default behavior", with the controller's defaults; all times are
scenario seconds. It knows each workload's utilisation and nothing else: no SLO, no call graph.
"""

from dataclasses import dataclass
from math import ceil, floor

from marskit import text
from marskit.agents.hpa_behaviour import Behaviour, ScalingHistory
from marskit.domain.actions import Scale
from marskit.domain.diagnosis import Diagnosis
from marskit.domain.observation import WorkloadObservation
from marskit.domain.plan import Candidate, Plan
from marskit.domain.topology import Workload
from marskit.planning import PlanningView

JITTER = 0.1
"""Share of the sync period by which a cycle may be early or late and still count as on time."""


@dataclass(frozen=True, slots=True)
class Proposal:
    """The replicas that the metric calls for, and the arithmetic in words."""

    replicas: int
    sentence: str


def propose(
    current: int, observed: WorkloadObservation, target_percent: int, tolerance: float
) -> Proposal | None:
    """The replicas that bring utilisation to its target: `ceil(ready * utilisation / target)`.

    Utilisation is rounded down to whole percents, as in the controller. Replicas that are not ready yet have
    no metric of their own: they count as idle when scaling up, and do not count when scaling down.

    Returns:
        None without any metric, which makes the controller leave the workload alone.
    """
    ready = observed.replicas_ready
    if observed.utilisation is None or not ready:
        return None
    busy = observed.utilisation * ready
    counted, usage_percent = ready, _whole_percent(busy, ready)
    starting = max(0, current - ready)
    if starting and usage_percent > target_percent:
        counted, usage_percent = ready + starting, _whole_percent(busy, ready + starting)
        if usage_percent < target_percent:
            return Proposal(current, f"{starting} more replicas are starting, which will be enough")
    ratio = usage_percent / target_percent
    # In floats, as the controller up to Kubernetes 1.32 compares: 77 % on a target of 70 % is beyond 0.1.
    if abs(1 - ratio) <= tolerance:
        return Proposal(current, f"{usage_percent} % is within {text.share(tolerance)} of {target_percent} %")
    replicas = ceil(ratio * counted)
    return Proposal(replicas, f"ceil({counted} × {usage_percent} % / {target_percent} %) = {replicas}")


def _whole_percent(busy: float, replicas: int) -> int:
    """The percentage rounded down like the controller's, but not because 0.57 * 100 is a little under 57."""
    return floor(100 * busy / replicas + 1e-9)


class Hpa:
    """Scales every workload on its own to a target utilisation, at most once per sync period."""

    def __init__(self, behaviour: Behaviour | None = None, name: str = "hpa") -> None:
        self._behaviour = behaviour or Behaviour()
        self.name = name
        self.summary = (
            f"Kubernetes' HorizontalPodAutoscaler on utilisation: target {self._behaviour.target_percent} %, "
            f"every {self._behaviour.sync_period_s:g} s, {text.share(self._behaviour.tolerance)} tolerance, "
            f"scale-down after {self._behaviour.scale_down_stabilisation_s:g} s."
        )
        self.reset(0)

    def reset(self, seed: int) -> None:
        """Forget all recommendations and scalings; the seed is unused, because nothing is random."""
        self._histories: dict[str, ScalingHistory] = {}
        self._synced_at_s: float | None = None

    def plan(self, diagnosis: Diagnosis, view: PlanningView) -> Plan:
        """One `Scale` for every workload whose number of replicas should change."""
        period_s = self._behaviour.sync_period_s
        now_s = self._sync_time_s(view.now_s * view.speed)
        if now_s is None:
            wait_s = (self._synced_at_s or 0.0) + period_s - view.now_s * view.speed
            reason = f"The autoscaler's next sync is in {wait_s:.0f} s (every {period_s:g} s)."
            return Plan(self.name, (Candidate((), reason),), (), reason)
        self._synced_at_s = now_s
        candidates = tuple(self._candidate(workload, view, now_s) for workload in view.topology.workloads)
        proposed = tuple(action for candidate in candidates for action in candidate.actions)
        acting = [candidate.reason for candidate in candidates if candidate.actions]
        return Plan(
            self.name,
            candidates,
            proposed,
            " ".join(acting) or "Every workload is close enough to its target.",
        )

    def _sync_time_s(self, now_s: float) -> float | None:
        """The time that a sync done now counts as, in scenario seconds; None if none is due.

        The loop's own period makes it slightly early or late. Without this tolerance, a cycle one millisecond
        early would miss its sync, and a scaling one period ago would still count as recent.
        """
        if self._synced_at_s is None:
            return now_s
        due_s = self._synced_at_s + self._behaviour.sync_period_s
        if abs(now_s - due_s) <= JITTER * self._behaviour.sync_period_s:
            return due_s
        return now_s if now_s > due_s else None

    def _candidate(self, workload: Workload, view: PlanningView, now_s: float) -> Candidate:
        name = workload.name
        current = view.configuration.replicas_of(name)
        history = self._histories.setdefault(name, ScalingHistory(current, now_s))
        history.settle(current)
        if current == 0:
            return Candidate((), f"{name}: no replicas, so autoscaling is off.")
        if not workload.min_replicas <= current <= workload.max_replicas:
            replicas = max(workload.min_replicas, min(workload.max_replicas, current))
            why = f"outside its bounds {workload.min_replicas} to {workload.max_replicas}"
        else:
            observed = next((w for w in view.observation.workloads if w.workload == name), None)
            proposal = observed and propose(
                current, observed, self._behaviour.target_percent, self._behaviour.tolerance
            )
            if not proposal:
                return Candidate((), f"{name} keeps its {current} replicas: no metrics.")
            replicas, why = (
                history.normalise(proposal.replicas, current, workload, now_s, self._behaviour),
                proposal.sentence,
            )
            if replicas != proposal.replicas:
                why += f", limited to {replicas} by the scaling behaviour"
        if replicas == current:
            return Candidate((), f"{name} keeps its {current} replicas: {why}.")
        history.propose(current, replicas, now_s)
        return Candidate(
            (Scale(name, replicas),), f"{name} goes from {current} to {replicas} replicas: {why}."
        )
