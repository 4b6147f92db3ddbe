"""The planner that never acts: what every other one must beat."""

from marskit.domain.records import Candidate, Diagnosis, Plan
from marskit.planning import PlanningView


class Static:
    """Leaves the mesh as it was deployed."""

    name = "static"
    summary = "Never changes anything: the baseline that shows what the load alone does."

    def reset(self, seed: int) -> None:
        """Nothing to forget."""

    def plan(self, diagnosis: Diagnosis, view: PlanningView) -> Plan:
        """A plan without an action, whatever the diagnosis."""
        reason = "The static planner never acts."
        return Plan(self.name, (Candidate((), reason),), (), reason)
