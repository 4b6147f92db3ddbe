"""The rules of `threshold`, and settings that limit the cost of a fault until it is fixed."""

from marskit.agents.remedies import remedies
from marskit.agents.settings import SettingsInForce
from marskit.agents.threshold import Threshold
from marskit.domain.actions import target
from marskit.domain.diagnosis import Diagnosis
from marskit.domain.plan import Plan
from marskit.planning import PlanningView


class Resilience:
    """Scales and reroutes as `threshold` does; counters faults by retries, outlier detection and timeouts."""

    name = "resilience"
    summary = (
        "Does what threshold does, sets retries and outlier detection where a replica fails and a timeout "
        "where a call hangs, and takes each back when its cause has gone."
    )

    def __init__(self) -> None:
        self._threshold = Threshold()
        self.reset(0)

    def reset(self, seed: int) -> None:
        """Forget everything; nothing here is random."""
        self._threshold.reset(seed)
        self._settings = SettingsInForce()

    def plan(self, diagnosis: Diagnosis, view: PlanningView) -> Plan:
        """Plan what `threshold` plans and what faults require; if there are none, restore one setting."""
        plan = self._threshold.plan(diagnosis, view)
        self._settings.follow(diagnosis, view)
        taken = {target(action) for action in plan.proposed}
        wanted = self._settings.wanted(remedies(diagnosis, view), view, taken)
        back = self._settings.back(taken) if diagnosis.slo_met and not wanted else []
        chosen = wanted or back[:1]
        if not chosen:
            return Plan(self.name, (*back, *plan.candidates), plan.proposed, plan.reason)
        reasons = [candidate.reason for candidate in chosen]
        if plan.proposed:
            reasons.insert(0, plan.reason)
        actions = tuple(action for candidate in chosen for action in candidate.actions)
        return Plan(
            self.name, (*wanted, *back, *plan.candidates), (*plan.proposed, *actions), " ".join(reasons)
        )
