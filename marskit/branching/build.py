"""The controller of a branch, or of its control, at the moment where it leaves the recording."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from marskit.assembly.bootstrap import Branch, put_together, twin_card
from marskit.assembly.settings import Settings
from marskit.branching.past import BranchPoint
from marskit.branching.twin import MakeEngine, configured, warm_twin
from marskit.controller.controller import Controller
from marskit.domain.actions import Action
from marskit.domain.diagnosis import Diagnosis
from marskit.domain.events import Parent
from marskit.domain.plan import Candidate, Plan, ShieldChange
from marskit.domain.records import Execution
from marskit.load.scenario import Scenario, ScenarioError, load_scenario
from marskit.load.simulated import SimulatedLoad
from marskit.mapek.plan.shield import Shield, ShieldLimits
from marskit.mesh.manifests.graph import goals, topology
from marskit.mesh.manifests.load import load_mesh
from marskit.planning import PlanningView
from marskit.replay.branched import AS_RECORDED, ReplayError
from marskit.timing.clock import Clock, LoopClock

if TYPE_CHECKING:
    from marskit.mesh.manifests.model import MeshConfig


@dataclass(frozen=True, slots=True)
class Built:
    """A controller that is ready to run, and its clock."""

    controller: Controller
    clock: Clock


async def build_branch(past: BranchPoint, planner: str, settings: Settings) -> Built:
    """The twin at the beginning of the recorded cycle; the caller starts the loop.

    Args:
        past: Where the branch leaves the recording.
        planner: The planner that decides from there on, or `AS_RECORDED`, whose actions the caller sends.
        settings: The manifests, the card, the engine and the folder of the runs; all else is the recording's.

    Raises:
        ReplayError: The manifests or the scenario differ from the recorded run's.
        ManifestError: A manifest is wrong, or the twin cannot simulate the mesh.
        UnknownPlanner: No planner has that name.
        UserError: The planner cannot plan for this mesh.
        KnowledgeError: The folder for runs cannot be written to.
    """
    started, is_control = past.started, planner == AS_RECORDED
    settings = replace(
        settings,
        mesh="twin",
        scenario=past.scenario,
        planner=planner,
        seed=started.seed,
        period_s=started.period_s,
        preview=settings.preview and not is_control,
        guard=settings.guard and not is_control,
    )
    clock = LoopClock(max(past.warm_s, past.at_s - 2.0 * started.period_s))
    config = _config(past, settings)
    scenario = recorded_scenario(past)
    load = SimulatedLoad(scenario, seed=started.seed, clock=clock)
    load.resume(begun_s=past.load_begun_s, factor=past.load_factor, now_s=past.warm_s)
    mesh = warm_twin(past, config, twin_card(settings, config), load, _engine(settings), clock)
    branch = Branch(
        Parent(started.run, past.cycle, past.at_s),
        past.load_begun_s,
        make_planner=(lambda name: AsRecorded()) if is_control else None,
        shield=Unshielded(ShieldLimits()) if is_control else None,
    )
    return Built(put_together(settings, config, scenario, mesh, load, clock, branch), clock)


def recorded_scenario(past: BranchPoint) -> Scenario:
    """The scenario in force where the branch leaves the recording.

    Raises:
        ReplayError: It cannot be found, or has changed.
    """
    info = past.state.started.scenario if past.state.started else past.started.scenario
    try:
        scenario = load_scenario(past.scenario)
    except ScenarioError as error:
        raise ReplayError(
            f"Run {past.started.run} cannot be branched: its scenario {past.scenario!r} is not one of the "
            "shipped ones, so its arrivals are unknown."
        ) from error
    if scenario.info() != info:
        raise ReplayError(
            f"Run {past.started.run} cannot be branched: its scenario {past.scenario!r} has changed since, "
            "so its arrivals are unknown."
        )
    return scenario


class AsRecorded:
    """Plans nothing: the caller of the control sends the recorded actions."""

    name = AS_RECORDED
    summary = "Repeats the recorded actions."

    def reset(self, seed: int) -> None:
        """Nothing to forget."""

    def plan(self, diagnosis: Diagnosis, view: PlanningView) -> Plan:
        """A plan without an action."""
        reason = "The recorded actions are repeated at their recorded times."
        return Plan(self.name, (Candidate((), reason),), (), reason)


class Unshielded(Shield):
    """Lets everything pass: recorded actions have passed a shield before."""

    def check(
        self, proposed: Sequence[Action], view: PlanningView, executions: Sequence[Execution]
    ) -> tuple[tuple[Action, ...], tuple[ShieldChange, ...]]:
        """All proposed actions."""
        return tuple(proposed), ()


def _config(past: BranchPoint, settings: Settings) -> "MeshConfig":
    config = load_mesh(settings.manifests, layers=settings.layers, mapping=settings.mapping)
    if topology(config) != past.started.topology or goals(config) != past.started.goals:
        raise ReplayError(
            f"The manifests differ from those of run {past.started.run}; set --manifests and --mapping."
        )
    wanted = past.state.configuration
    return configured(config, wanted) if wanted is not None else config


def _engine(settings: Settings) -> MakeEngine:
    if settings.engine == "fast":
        from marskit.mesh.simulator.fast import FastTwin

        return lambda model, arrivals, seed: FastTwin(model, arrivals, seed=seed)
    from marskit.mesh.simulator.requests import RequestTwin

    return lambda model, arrivals, seed: RequestTwin(model, arrivals, seed=seed)
