"""Watches canaries, and plans to move their traffic to their controls when they are worse."""

from dataclasses import dataclass

from marskit.controller.notices import Notices
from marskit.controller.watchers.rollback import NAME, guards_plan
from marskit.domain.actions import Action, ShiftTraffic
from marskit.domain.config import Configuration, RouteSetting
from marskit.domain.diagnosis import Severity, Symptom
from marskit.domain.events import ConfigurationChanged, Event
from marskit.domain.loop_events import Executed
from marskit.domain.metrics import MeshSample
from marskit.domain.plan import Plan
from marskit.domain.records import Origin, Outcome
from marskit.domain.topology import Topology
from marskit.mapek.analyse.canary import Canary, CanaryFinding, CanaryTrial, canaries
from marskit.mapek.plan.weights import percents, subset_key
from marskit.planning import HeldCanary


@dataclass(frozen=True, slots=True)
class Retreat:
    """Traffic to take from canaries that are worse than their controls, and why."""

    canaries: tuple[str, ...]
    actions: tuple[ShiftTraffic, ...]
    sentence: str

    def plan(self, instead_of: Plan) -> Plan:
        """The rollback's plan, with the planner's own plan as a candidate."""
        return guards_plan(self.actions, self.sentence, instead_of)

    def execution(self, action: Action) -> int | None:
        """None: it undoes no single execution, whatever gave the canary its traffic."""
        return None


class Canaries:
    """Tests every canary at every look; one that is worse is blocked until a person decides otherwise."""

    def __init__(self, topology: Topology, notices: Notices, *, enabled: bool) -> None:
        """Watch the canaries of the mesh; if not `enabled`, only report their regressions."""
        self._who = {canary.workload: canary for canary in canaries(topology)}
        self._trials = {name: CanaryTrial(canary) for name, canary in self._who.items()}
        self._notices = notices
        self._enabled = enabled
        self._found: dict[str, CanaryFinding] = {}
        """The finding against each: the first one while it is blocked, else the newest look's."""
        self._held: set[str] = set()
        self._left: set[str] = set()
        """Canaries that a person refused to block: reported, but left alone."""
        self._looked_at_s = 0.0

    @property
    def held(self) -> tuple[HeldCanary, ...]:
        """The canaries to which no planner may send traffic."""
        return tuple(HeldCanary(name, self._found[name].sentence) for name in sorted(self._held))

    def add(self, sample: MeshSample) -> None:
        """Add a sample."""
        for trial in self._trials.values():
            trial.add(sample)

    def look(self, now_s: float) -> bool:
        """Test all of them; True if a canary newly turns out worse and must lose its traffic."""
        self._looked_at_s = now_s
        news = False
        for name, trial in self._trials.items():
            finding = trial.look()
            if name in self._held:
                continue
            if finding is None:
                self._found.pop(name, None)
                continue
            self._found[name] = finding
            if self._enabled and name not in self._left:
                self._held.add(name)
                news = True
                self._notices.tell(NAME, _announcement(self._who[name], finding))
        return news

    def look_meanwhile(self, now_s: float, period_s: float) -> bool:
        """Look at the loop's pace while it waits for a person; True as for `look`."""
        return now_s - self._looked_at_s >= period_s and self.look(now_s)

    def symptoms(self, configuration: Configuration) -> tuple[Symptom, ...]:
        """The finding against each; only a warning for canaries without traffic."""
        return tuple(self._symptom(name, finding, configuration) for name, finding in self._found.items())

    def retreat(self, configuration: Configuration) -> Retreat | None:
        """Shifts away from the blocked canaries; None if no traffic of theirs can move to their controls."""
        actions: dict[str, list[ShiftTraffic]] = {}
        for name in sorted(self._held):
            shifts = (_away(route, self._who[name]) for route in configuration.routes)
            actions[name] = [shift for shift in shifts if shift is not None]
        bad = tuple(name for name, shifts in actions.items() if shifts)
        if not bad:
            return None
        sentences = [
            f"{self._found[name].sentence} Its traffic moves to {self._who[name].control}." for name in bad
        ]
        return Retreat(bad, tuple(shift for name in bad for shift in actions[name]), " ".join(sentences))

    def leave(self, names: tuple[str, ...]) -> None:
        """Stop blocking canaries whose retreat a person refused, until a person shifts their traffic."""
        self._held -= set(names)
        self._left |= set(names)

    def note(self, event: Event) -> None:
        """Restart the trial of a canary to which a person (also by an undo) or somebody else gave traffic."""
        match event:
            case Executed(execution, configuration):
                by_person = execution.origin in (Origin.PERSON, Origin.UNDO)
                done = execution.outcome in (Outcome.APPLIED, Outcome.UNKNOWN)
                if by_person and done and isinstance(execution.action, ShiftTraffic):
                    action = execution.action
                    for name in _served(configuration.route(action.virtual_service, action.route)):
                        self._clear(name)
            case ConfigurationChanged(targets=targets, configuration=configuration):
                for route in configuration.routes:
                    if not targets or f"virtualservice/{route.label}" in targets:
                        for name in _served(route):
                            self._clear(name)
            case _:
                pass

    def _clear(self, name: str) -> None:
        if name in self._trials:
            self._held.discard(name)
            self._left.discard(name)
            self._found.pop(name, None)
            self._trials[name].forget()

    def _symptom(self, name: str, finding: CanaryFinding, configuration: Configuration) -> Symptom:
        who = self._who[name]
        if name in self._held and not any(name in _served(route) for route in configuration.routes):
            sentence = f"{name} is blocked because it was worse than its control: {finding.sentence}"
            return finding.symptom(who, Severity.WARNING, sentence)
        return finding.symptom(who, Severity.CRITICAL)


def _announcement(who: Canary, finding: CanaryFinding) -> str:
    return (
        f"{finding.sentence} The rollback sends its traffic to {who.control} and blocks {who.workload} until "
        "a person gives it traffic again."
    )


def _served(route: RouteSetting) -> set[str]:
    """The workloads with a share of a route that splits traffic."""
    if len(route.destinations) < 2:
        return set()
    return {d.workload for d in route.destinations if d.workload is not None and d.weight_percent > 0}


def _away(route: RouteSetting, who: Canary) -> ShiftTraffic | None:
    """The shift that gives all of the canary's share to its control, if the route has both."""
    weights = percents(route)
    keys = {d.workload: subset_key(d) for d in route.destinations}
    ours, theirs = keys.get(who.workload), keys.get(who.control)
    if ours is None or theirs is None or not weights[ours]:
        return None
    moved = {**weights, theirs: weights[theirs] + weights[ours], ours: 0}
    return ShiftTraffic(route.virtual_service, route.index, tuple(moved.items()))
