"""A plan that awaits approval is a review: the loop goes on looking, and plans again when things change."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from marskit.controller.bus import Bus
from marskit.controller.phases.approval import Approval, ApprovalVerdict
from marskit.controller.plan_phase import Intervention
from marskit.domain.actions import Action
from marskit.domain.diagnosis import Diagnosis
from marskit.domain.loop_events import ApprovalAwaited, LookedAgain, PlanDecided, Replanned
from marskit.domain.observation import Observation
from marskit.domain.plan import Draft, Plan
from marskit.mapek.plan.outdated import Situation, Watch
from marskit.mesh.port import ActionError, Mesh
from marskit.planning import PlanningView
from marskit.timing.clock import Clock

_NOTHING_LEFT = ApprovalVerdict(approved=True, reason="")
_ASKED = "a person asked for it"


@dataclass(frozen=True, slots=True)
class Proposal:
    """A plan, and what it was made for."""

    plan: Plan
    guards: Intervention | None
    """The intervention behind it, if it is not the planner's."""
    view: PlanningView
    diagnosis: Diagnosis

    @property
    def situation(self) -> Situation:
        """What the plan was made for."""
        return Situation(self.view.observation, self.diagnosis, self.view.configuration)


Look = Callable[[], Awaitable[tuple[Observation, Diagnosis]]]
"""Monitor and Analyse, for the present."""
Decide = Callable[[Observation, Diagnosis], Awaitable[Proposal]]
"""Plan, for what was seen."""


class Review:
    """Waits for a person's verdict, and keeps what the person decides on up to date."""

    def __init__(
        self,
        *,
        approval: Approval,
        bus: Bus,
        clock: Clock,
        mesh: Mesh,
        period_s: float,
        look: Look,
        decide: Decide,
    ) -> None:
        self._approval = approval
        self._bus = bus
        self._clock = clock
        self._mesh = mesh
        self._period_s = period_s
        self._look = look
        self._decide = decide

    async def wait(self, cycle: int, proposal: Proposal) -> tuple[ApprovalVerdict, Proposal]:
        """Return the verdict, and the proposal that it is about: the newest one."""
        verdict = self._approval.begin(cycle)
        revision = 1
        try:
            self._show(cycle, revision, proposal)
            while (again := await self._again(cycle, proposal, verdict)) is not None:
                reason, new = again
                revision = self._approval.revise()
                self._bus.publish(
                    Replanned(
                        at_s=self._clock.now(),
                        cycle=cycle,
                        revision=revision,
                        reason=reason,
                        observation=new.view.observation,
                        diagnosis=new.diagnosis,
                        plan=new.plan,
                        replaced=proposal.plan,
                    )
                )
                proposal = new
                if not proposal.plan.actions:
                    return _NOTHING_LEFT, proposal
                self._show(cycle, revision, proposal)
            decided = verdict.result()
        finally:
            self._approval.end()
        self._bus.publish(
            PlanDecided(
                self._clock.now(), cycle, revision, decided.approved, decided.by_person, decided.reason
            )
        )
        return decided, proposal

    async def _again(
        self, cycle: int, proposal: Proposal, verdict: "asyncio.Future[ApprovalVerdict]"
    ) -> tuple[str, Proposal] | None:
        """Another proposal and why there is one; None once there is a verdict."""
        watch = Watch(proposal.situation)
        while True:
            await self._next_look(verdict)
            if verdict.done():
                return None
            observation, diagnosis = await self._look()
            self._bus.publish(LookedAgain(self._clock.now(), cycle, diagnosis))
            reason = watch.outdated(Situation(observation, diagnosis, self._mesh.configuration))
            if self._approval.asked_again.is_set():
                self._approval.asked_again.clear()
                reason = _ASKED
            if reason is None:
                continue
            new = await self._decide(observation, diagnosis)
            # The verdict may have come while the planner thought: it is about the plan that was shown.
            return None if verdict.done() else (reason, new)

    async def _next_look(self, verdict: "asyncio.Future[ApprovalVerdict]") -> None:
        """Wait for a period, a verdict, or a person who wants another plan."""
        timer = asyncio.ensure_future(self._clock.sleep(self._period_s))
        asked = asyncio.ensure_future(self._approval.asked_again.wait())
        waits: set[asyncio.Future[Any]] = {verdict, timer, asked}
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for waiting in (timer, asked):
                waiting.cancel()
            await asyncio.gather(timer, asked, return_exceptions=True)

    def _show(self, cycle: int, revision: int, proposal: Proposal) -> None:
        drafts = tuple(d for d in map(self._draft, proposal.plan.actions) if d is not None)
        self._bus.publish(ApprovalAwaited(self._clock.now(), cycle, revision, drafts))

    def _draft(self, action: Action) -> Draft | None:
        try:
            would = self._mesh.preview(action)
        except ActionError:
            # Execute will say why.
            return None
        return Draft(action, would.command, would.diff, would.inverse_command)
