"""The Plan phase: the planner's plan, the shield, the predictions, and similar situations."""

from dataclasses import replace

from marskit.controller.asking import Asking
from marskit.controller.bus import Bus
from marskit.controller.notices import Notices
from marskit.controller.plan_check import InvalidPlan, checked
from marskit.controller.watchers.canaries import Canaries, Retreat
from marskit.controller.watchers.rollback import Rollback, RollbackWatcher
from marskit.domain.diagnosis import Diagnosis, Severity
from marskit.domain.plan import Plan
from marskit.mapek.plan.plan import shielded
from marskit.mapek.plan.predict import explain
from marskit.mapek.plan.shield import Shield
from marskit.planning import Planner, PlannerFailed, PlanningView, Predictor, SituationLookup

Intervention = Rollback | Retreat
"""Plans of the loop itself in place of the planner's: rollbacks and retreats from canaries."""


class Decider:
    """Makes the plan of a cycle; failures of planners and predictions never end the run."""

    def __init__(
        self,
        shield: Shield,
        guard: RollbackWatcher,
        canaries: Canaries,
        preview: Predictor | None,
        bus: Bus,
        notices: Notices,
        asking: Asking,
        *,
        least_seen_s: float,
    ) -> None:
        self._shield = shield
        self._guard = guard
        self._canaries = canaries
        self._preview = preview
        self._bus = bus
        self._notices = notices
        self._asking = asking
        self._least_seen_s = least_seen_s
        self._past: SituationLookup | None = None

    def use(self, past: SituationLookup) -> None:
        """Show similar situations of earlier runs with every later plan."""
        self._past = past

    async def decide(
        self, planner: Planner, diagnosis: Diagnosis, view: PlanningView
    ) -> tuple[Plan, Intervention | None]:
        """The plan with its predictions, and the intervention behind it, if any."""
        plan, guards = await self._decided(planner, diagnosis, view)
        # Last, because no decision may depend on it.
        return self._with_similar(self._explained(plan, view), diagnosis, view), guards

    async def _decided(
        self, planner: Planner, diagnosis: Diagnosis, view: PlanningView
    ) -> tuple[Plan, Intervention | None]:
        # The planner is always asked: one that remembers its input must not miss a cycle.
        plan = await self._planned(planner, diagnosis, view)
        retreat, take_back = self._canaries.retreat(view.configuration), self._guard.pending()
        if retreat is not None and (guards := self._standing_in(retreat, plan, view)) is not None:
            return guards, retreat
        if take_back is not None and (guards := self._standing_in(take_back, plan, view)) is not None:
            self._guard.planned()
            return guards, take_back
        return plan, None

    async def _planned(self, planner: Planner, diagnosis: Diagnosis, view: PlanningView) -> Plan:
        """The planner's plan, or an empty one if the planner fails: planners are written by students."""
        seen_s = view.observation.window_s
        if seen_s < self._least_seen_s:
            reason = (
                f"Only {seen_s:.1f} s of load observed so far; planning starts at {self._least_seen_s:g} s."
            )
            return Plan(planner=planner.name, candidates=(), proposed=(), reason=reason)
        try:
            plan = checked(await self._asking.plan(planner, diagnosis, view), view)
        except (PlannerFailed, InvalidPlan) as error:
            failed = isinstance(error, PlannerFailed)
            sentence = str(error) if failed else f"The planner {planner.name} {error}."
            self._notices.once("planner", sentence)
            return Plan(planner=planner.name, candidates=(), proposed=(), reason=sentence, failure=sentence)
        self._notices.worked("planner")
        return shielded(plan, self._shield, view, self._bus.state.executions)

    def _standing_in(self, guards: Intervention, instead_of: Plan, view: PlanningView) -> Plan | None:
        """The intervention's plan; None if the shield leaves nothing of it, as during a cool-down."""
        plan = guards.plan(instead_of)
        actions, changes = self._shield.check(plan.proposed, view, self._bus.state.executions)
        if not actions:
            for change in changes:
                self._notices.tell("guard", f"The rollback has to wait: {change.sentence}", Severity.INFO)
            return None
        return replace(plan, actions=actions, shield=changes)

    def _explained(self, plan: Plan, view: PlanningView) -> Plan:
        if self._preview is None:
            return plan
        try:
            explained = explain(plan, self._preview, view)
        except Exception as error:
            self._notices.failed("preview", "The effect of a plan could not be predicted", error)
            return plan
        self._notices.worked("preview")
        return explained

    def _with_similar(self, plan: Plan, diagnosis: Diagnosis, view: PlanningView) -> Plan:
        if self._past is None:
            return plan
        try:
            similar = self._past.similar(diagnosis, view)
        except Exception as error:
            self._notices.failed("past", "Similar situations of earlier runs could not be looked up", error)
            return plan
        self._notices.worked("past")
        return replace(plan, similar=similar)
