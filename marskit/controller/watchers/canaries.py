"""Watches canaries, and plans their traffic back to their controls when they are worse."""

from dataclasses import dataclass

from marskit.controller.notices import Notices
from marskit.controller.watchers.rollback import NAME, guards_plan
from marskit.domain.actions import Action, ShiftTraffic
from marskit.domain.config import Configuration, RouteSetting
from marskit.domain.events import Event, Executed
from marskit.domain.metrics import MeshSample
from marskit.domain.records import Origin, Outcome, Plan, Severity, Symptom
from marskit.domain.topology import Topology
from marskit.mapek.analyse.canary import Canary, CanaryTrial, Finding, canaries
from marskit.mapek.plan.weights import percents, subset_key
from marskit.planning import HeldCanary


@dataclass(frozen=True, slots=True)
class Retreat:
    """Traffic to take from canaries that are worse than their controls, and why."""

    canaries: tuple[str, ...]
    actions: tuple[ShiftTraffic, ...]
    sentence: str

    def plan(self, instead_of: Plan) -> Plan:
        """The plan that does it, with what the planner would have done beside it."""
        return guards_plan(self.actions, self.sentence, instead_of)

    def execution(self, action: Action) -> int | None:
        """None: it takes back no execution, whoever gave the canary its traffic."""
        return None


class Canaries:
    """Tests every canary at every look; one that is worse is held at 0 until a person decides otherwise."""

    def __init__(self, topology: Topology, notices: Notices, *, enabled: bool) -> None:
        """Watch the canaries of the mesh; not `enabled`, their regressions are told, but nothing is done."""
        self._who = {canary.workload: canary for canary in canaries(topology)}
        self._trials = {name: CanaryTrial(canary) for name, canary in self._who.items()}
        self._notices = notices
        self._enabled = enabled
        self._found: dict[str, Finding] = {}
        """What stands against each, as of its first finding while it is held, else of the newest look."""
        self._held: set[str] = set()
        self._left: set[str] = set()
        """Those that a person would not have taken from traffic: told, and left alone."""
        self._looked_at_s = 0.0

    @property
    def held(self) -> tuple[HeldCanary, ...]:
        """What no planner may give traffic to."""
        return tuple(HeldCanary(name, self._found[name].sentence) for name in sorted(self._held))

    def add(self, sample: MeshSample) -> None:
        """Take in what passed since the sample before."""
        for trial in self._trials.values():
            trial.add(sample)

    def look(self, now_s: float) -> bool:
        """Test all of them; True when one is found worse that was not before, and is to be taken away."""
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
        """Look in the loop's own pace while it waits for a person; True as for `look`."""
        return now_s - self._looked_at_s >= period_s and self.look(now_s)

    def symptoms(self, configuration: Configuration) -> tuple[Symptom, ...]:
        """What stands against each; a warning only where it has no traffic any more."""
        return tuple(self._symptom(name, finding, configuration) for name, finding in self._found.items())

    def retreat(self, configuration: Configuration) -> Retreat | None:
        """What takes the held ones from traffic; None when they have none that their controls could take."""
        actions: dict[str, list[ShiftTraffic]] = {}
        for name in sorted(self._held):
            shifts = (_away(route, self._who[name]) for route in configuration.routes)
            actions[name] = [shift for shift in shifts if shift is not None]
        bad = tuple(name for name, shifts in actions.items() if shifts)
        if not bad:
            return None
        sentences = [
            f"{self._found[name].sentence} Its traffic goes to {self._who[name].control}." for name in bad
        ]
        return Retreat(bad, tuple(shift for name in bad for shift in actions[name]), " ".join(sentences))

    def leave(self, names: tuple[str, ...]) -> None:
        """A person would not have their traffic taken: leave them alone until a person changes it."""
        self._held -= set(names)
        self._left |= set(names)

    def note(self, event: Event) -> None:
        """Begin anew with a canary that a person, or what a person took back, gave traffic."""
        match event:
            case Executed(execution, configuration):
                by_person = execution.origin in (Origin.PERSON, Origin.UNDO)
                done = execution.outcome in (Outcome.APPLIED, Outcome.UNKNOWN)
                if by_person and done and isinstance(execution.action, ShiftTraffic):
                    action = execution.action
                    for name in _served(configuration.route(action.virtual_service, action.route)):
                        self._clear(name)
            case _:
                pass

    def _clear(self, name: str) -> None:
        if name in self._trials:
            self._held.discard(name)
            self._left.discard(name)
            self._found.pop(name, None)
            self._trials[name].forget()

    def _symptom(self, name: str, finding: Finding, configuration: Configuration) -> Symptom:
        who = self._who[name]
        if name in self._held and not any(name in _served(route) for route in configuration.routes):
            said = f"{name} is held at 0 % since it was worse than its control: {finding.sentence}"
            return finding.symptom(who, Severity.WARNING, said)
        return finding.symptom(who, Severity.CRITICAL)


def _announcement(who: Canary, finding: Finding) -> str:
    return (
        f"{finding.sentence} The guard's plan sends its traffic to {who.control}; no planner gives any back "
        "until a person does."
    )


def _served(route: RouteSetting) -> set[str]:
    """The workloads that get a share of the route, of those that share it."""
    if len(route.destinations) < 2:
        return set()
    return {d.workload for d in route.destinations if d.workload is not None and d.weight_percent > 0}


def _away(route: RouteSetting, who: Canary) -> ShiftTraffic | None:
    """What gives all that the canary has on the route to its control, if both are there."""
    weights = percents(route)
    keys = {d.workload: subset_key(d) for d in route.destinations}
    ours, theirs = keys.get(who.workload), keys.get(who.control)
    if ours is None or theirs is None or not weights[ours]:
        return None
    moved = {**weights, theirs: weights[theirs] + weights[ours], ours: 0}
    return ShiftTraffic(route.virtual_service, route.index, tuple(moved.items()))
