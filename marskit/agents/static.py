"""The planner that never acts: the baseline that every other planner must beat."""

from marskit.domain.diagnosis import Diagnosis
from marskit.domain.plan import Candidate, Plan
from marskit.planning import PlanningView


class Static:
    """Leaves the mesh as it was deployed."""

    name = "static"
    summary = "Never acts: the baseline that shows the effect of the load alone."

    def reset(self, seed: int) -> None:
        """Nothing to forget."""

    def plan(self, diagnosis: Diagnosis, view: PlanningView) -> Plan:
        """A plan without an action, whatever the diagnosis."""
        reason = "The static planner never acts."
        return Plan(self.name, (Candidate((), reason),), (), reason)
