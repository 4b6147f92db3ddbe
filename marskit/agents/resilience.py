"""The rules of `threshold`, and settings that limit the cost of a fault until it is fixed."""

from dataclasses import dataclass

from marskit.agents.remedies import is_gone, present, remedies
from marskit.agents.threshold import Threshold
from marskit.domain.actions import Action, SetRetries, describe, target
from marskit.domain.config import Retries
from marskit.domain.diagnosis import Diagnosis
from marskit.domain.plan import Candidate, Plan
from marskit.planning import PlanningView

CALM_CYCLES = 8
"""Number of consecutive cycles without its cause after which a setting is taken back."""

Key = tuple[type[Action], str]


@dataclass(slots=True)
class _InForce:
    """A setting made by this planner, and the one before it."""

    ours: Action
    before: Action
    calm_cycles: int = 0


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
        self._in_force: dict[Key, _InForce] = {}

    def plan(self, diagnosis: Diagnosis, view: PlanningView) -> Plan:
        """Plan what `threshold` plans and what faults require; if there are none, restore one setting."""
        plan = self._threshold.plan(diagnosis, view)
        self._follow(diagnosis, view)
        taken = {target(action) for action in plan.proposed}
        wanted = self._wanted(diagnosis, view, taken)
        back = self._back(taken) if diagnosis.slo_met and not wanted else []
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

    def _follow(self, diagnosis: Diagnosis, view: PlanningView) -> None:
        """Forget settings that others have changed since, and count the cycles without each cause."""
        for key, setting in tuple(self._in_force.items()):
            if present(setting.ours, view.configuration) != setting.ours:
                del self._in_force[key]
                continue
            gone = is_gone(setting.ours, diagnosis, view)
            if gone is not None:
                setting.calm_cycles = setting.calm_cycles + 1 if gone else 0

    def _wanted(self, diagnosis: Diagnosis, view: PlanningView, taken: set[str]) -> list[Candidate]:
        """Remedies that are not set yet, one for each target, because the shield allows only one."""
        found = []
        for remedy in remedies(diagnosis, view):
            key = type(remedy.action), target(remedy.action)
            now = present(remedy.action, view.configuration)
            ours = self._in_force.get(key)
            if key[1] in taken or now == remedy.action or (ours and not _is_stronger(remedy.action, now)):
                continue
            taken.add(key[1])
            self._in_force[key] = _InForce(remedy.action, ours.before if ours else now)
            found.append(Candidate((remedy.action,), remedy.reason))
        return found

    def _back(self, taken: set[str]) -> list[Candidate]:
        return [
            Candidate(
                (setting.before,),
                f"The cause of “{describe(setting.ours)}” has been gone for {setting.calm_cycles} cycles: it "
                "is taken back.",
            )
            for setting in self._in_force.values()
            if setting.calm_cycles >= CALM_CYCLES and target(setting.before) not in taken
        ]


def _is_stronger(action: Action, now: Action) -> bool:
    """Whether more retries are needed than are set; any other difference is not worth a change."""
    match action, now:
        case SetRetries(retries=Retries(wanted)), SetRetries(retries=Retries(attempts)):
            return wanted > attempts
        case _:
            return False
