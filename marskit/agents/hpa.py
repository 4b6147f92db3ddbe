"""The Kubernetes HorizontalPodAutoscaler, as closely as observations allow.

Follows "Horizontal Pod Autoscaling" of the Kubernetes documentation (Concepts, Workloads, Autoscaling), its
sections "Algorithm details" and "Default behavior", with the controller's defaults; all times are
scenario seconds. It knows each workload's utilisation and nothing else: no SLO, no call graph.
"""

from marskit import text
from marskit.agents.hpa_behaviour import Behaviour, ScalingHistory
from marskit.agents.hpa_replicas import Metered, propose
from marskit.domain.actions import Scale
from marskit.domain.diagnosis import Diagnosis
from marskit.domain.observation import WorkloadObservation
from marskit.domain.plan import Candidate, Plan
from marskit.domain.topology import Workload
from marskit.planning import PlanningView

JITTER = 0.1
"""Share of the sync period by which a cycle may be early or late and still count as on time."""


class Hpa:
    """Scales every workload on its own to a target utilisation, at most once per sync period."""

    def __init__(self, behaviour: Behaviour | None = None, name: str = "hpa") -> None:
        self._behaviour = behaviour or Behaviour()
        self.name = name
        self.summary = (
            f"Kubernetes' HorizontalPodAutoscaler on utilisation: target {self._behaviour.target_percent} %, "
            f"every {self._behaviour.sync_period_s:g} s, {text.share(self._behaviour.tolerance)} tolerance, "
            f"scale-down after {self._behaviour.scale_down.stabilisation_s:g} s."
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
                metered(current, observed), self._behaviour.target_percent, self._behaviour.tolerance
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


def metered(current: int, observed: WorkloadObservation) -> Metered:
    """The metrics of a workload with `current` desired replicas, in which all or no replicas have one."""
    ready = observed.replicas_ready or 0
    if observed.utilisation is None:
        return Metered(current, ready, 0, 0.0)
    return Metered(current, ready, ready, observed.utilisation * ready)
