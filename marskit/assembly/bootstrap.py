"""The only place that chooses adapters and puts a run together."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from marskit.agents.preview import TwinPredictor
from marskit.agents.registry import PlannerContext, make_planner, planner_names
from marskit.agents.sources import Source
from marskit.assembly.earlier_baselines import recorded_baselines
from marskit.assembly.earlier_situations import recorded_situations
from marskit.assembly.inputs import read_inputs
from marskit.assembly.run_twin import Twin, TwinRecalibration
from marskit.assembly.settings import KUBERNETES_PERIOD_S, Settings
from marskit.controller.controller import Controller
from marskit.controller.earlier_runs import EarlierRuns
from marskit.controller.parameters import RunParameters
from marskit.domain.capabilities import Capabilities
from marskit.domain.events import Parent
from marskit.knowledge.care.retention import prune_at_start
from marskit.knowledge.storage.store import new_run
from marskit.knowledge.write.parquet import ParquetKnowledge
from marskit.load.port import Load
from marskit.load.scenario import Scenario
from marskit.mapek.plan.shield import Shield
from marskit.mapek.plan.shield_rules import ShieldLimits
from marskit.mesh.manifests.graph import goals
from marskit.mesh.manifests.model import ManifestError, MeshConfig
from marskit.mesh.port import Mesh
from marskit.planning import GuestPlanner, Planner
from marskit.system.processes import scratch_path
from marskit.timing.clock import Clock, LoopClock, VirtualTime
from marskit.timing.virtual_loop import VirtualLoop

if TYPE_CHECKING:
    from marskit.mesh.simulator.card import Card
    from marskit.mesh.simulator.engine import Engine
    from marskit.mesh.simulator.model import TwinModel


LEAST_SEEN = 0.75
"""Load that must have been observed before the first plan, as a share of a control period."""
ENGINE_ERROR_PERCENT = 5.0
"""Allowed p95 error of the twin's fast engine against the request-level one, as the median of all points, in
percent; `python -m benchmarks.twin` measures 2.5 %."""


@dataclass(frozen=True, slots=True)
class Branch:
    """The differences when a run begins in the middle of another one."""

    parent: Parent
    load_begun_s: float
    """Start of the load's curve, on the clock."""
    make_planner: Callable[[str], Planner] | None = None
    """None uses the registry."""
    shield: Shield | None = None


async def build(settings: Settings) -> Controller:
    """The controller of one run, on the loop that will run it; nothing is started yet.

    Raises:
        ManifestError: A manifest or the mapping file is wrong, or the twin cannot simulate the mesh.
        ScenarioError: The scenario is wrong, or no scenario has that name.
        InputError: Manifests and scenario are wrong.
        UnknownPlanner: No planner has that name.
        MeshError: A program that the mesh needs is missing, or the gateway's port is in use.
        KnowledgeError: The folder for runs cannot be written to.
        CardError: The calibration card cannot be used.
    """
    clock = LoopClock()
    config, scenario = read_inputs(
        settings.manifests, settings.mapping, settings.scenario, layers=settings.layers
    )
    config = replace(config, notices=(*config.notices, *card_remarks(config, settings.card)))
    choose = _twin if settings.mesh == "twin" else _envoy
    mesh, load = choose(settings, config, scenario, clock)
    return put_together(settings, config, scenario, mesh, load, clock)


def put_together(
    settings: Settings,
    config: MeshConfig,
    scenario: Scenario,
    mesh: Mesh,
    load: Load,
    clock: Clock,
    branch: Branch | None = None,
) -> Controller:
    """The controller around a mesh and its load; raises the errors of `build`."""
    begun_s = branch.load_begun_s if branch else 0.0
    twin = Twin(
        lambda: _plain(config),
        lambda: twin_card(settings, config),
        partial(_errors, simulated=mesh.capabilities.is_simulated),
    )
    period_s = settings.period_s or KUBERNETES_PERIOD_S / scenario.speed
    context = PlannerContext(
        topology=mesh.topology,
        goals=goals(config),
        period_s=period_s,
        speed=scenario.speed,
        model=twin.model,
        rate_at=lambda at_s: scenario.rate_at((at_s - begun_s) * scenario.speed),
        make_foreign=partial(_foreign, settings, period_s, mesh.capabilities),
    )
    make_named = (
        branch.make_planner if branch and branch.make_planner else partial(make_planner, context=context)
    )
    # Before the run is recorded: a run that cannot begin leaves no record.
    planner = make_named(settings.planner)
    try:
        return _with_planner(
            settings, planner, make_named, context, twin, mesh, load, scenario, clock, branch
        )
    except BaseException:
        if isinstance(planner, GuestPlanner):
            planner.close()
        raise


def _with_planner(
    settings: Settings,
    planner: Planner,
    make_named: Callable[[str], Planner],
    context: PlannerContext,
    twin: Twin,
    mesh: Mesh,
    load: Load,
    scenario: Scenario,
    clock: Clock,
    branch: Branch | None,
) -> Controller:
    period_s = context.period_s
    parameters = RunParameters(
        run=new_run(settings.runs),
        seed=settings.seed,
        goals=context.goals,
        make_planner=make_named,
        planners=planner_names([settings.planner]),
        planner=settings.planner,
        mode=settings.mode,
        period_s=period_s,
        sample_period_s=settings.sample_s,
        window_s=2 * period_s,
        # The first moments of a load are random, but a branch begins in the middle of one.
        least_seen_s=0.0 if branch else LEAST_SEEN * period_s,
        guard=settings.guard,
        busy_ms=_busy_ms(twin),
        parent=branch.parent if branch else None,
    )
    preview = TwinPredictor(twin.with_errors, context.goals, period_s=period_s, speed=scenario.speed)
    knowledge = ParquetKnowledge(settings.runs)
    return Controller(
        mesh,
        load,
        knowledge,
        parameters,
        shield=branch.shield if branch and branch.shield else Shield(ShieldLimits()),
        clock=clock,
        planner=planner,
        preview=preview if settings.preview else None,
        # A branch is driven by commands at recorded times, which must pass.
        time=_time() if mesh.capabilities.can_hold_time and branch is None else None,
        earlier=_earlier(settings, mesh, scenario, parameters),
        recalibration=TwinRecalibration(twin, preview)
        if settings.preview and settings.recalibration and branch is None
        else None,
    )


def _time() -> VirtualTime | None:
    loop = asyncio.get_running_loop()
    return loop if isinstance(loop, VirtualLoop) else None


def _foreign(settings: Settings, period_s: float, can_do: Capabilities, source: Source, name: str) -> Planner:
    """Load a user's planner, in a process of its own unless the settings trust it."""
    if settings.trust_planner:
        from marskit.plugins.trusted import TrustedPlanner

        return TrustedPlanner(source, name, settings.seed)
    from marskit.plugins.foreign import ForeignPlanner, limits_for

    limits = limits_for(settings.planner_deadline_s or period_s / 2, simulated=can_do.is_simulated)
    return ForeignPlanner(source, name, settings.seed, limits)


def _earlier(settings: Settings, mesh: Mesh, scenario: Scenario, parameters: RunParameters) -> EarlierRuns:
    runs, run, name, topology = settings.runs, parameters.run, mesh.name, mesh.topology
    asked = not mesh.capabilities.is_simulated if settings.baselines is None else settings.baselines
    return EarlierRuns(
        baselines=partial(recorded_baselines, runs, name, scenario.name, topology) if asked else None,
        past=partial(recorded_situations, runs, run, name, topology, parameters.goals) if asked else None,
        let_go=partial(prune_at_start, runs, settings.keep, run) if settings.keep else None,
    )


# Each function imports its own adapters, so that the other's are not loaded.
def _envoy(settings: Settings, config: MeshConfig, scenario: Scenario, clock: Clock) -> tuple[Mesh, Load]:
    from marskit.load.locust_process import LocustLoad
    from marskit.mesh.envoy.adapter import EnvoyMesh

    mesh = EnvoyMesh(config, clock=clock, seed=settings.seed, gateway_port=settings.gateway_port)
    load = LocustLoad(
        scenario,
        seed=settings.seed,
        clock=clock,
        run_directory=scratch_path("marskit-locust-"),
        workers=settings.locust_workers,
    )
    return mesh, load


def _twin(settings: Settings, config: MeshConfig, scenario: Scenario, clock: Clock) -> tuple[Mesh, Load]:
    from marskit.load.simulated import SimulatedLoad
    from marskit.mesh.simulator.adapter import TwinMesh

    load = SimulatedLoad(scenario, seed=settings.seed, clock=clock)
    engine: Callable[..., Engine]
    if settings.engine == "fast":
        from marskit.mesh.simulator.fast import FastTwin as engine
    else:
        from marskit.mesh.simulator.requests import RequestTwin as engine
    mesh = TwinMesh(
        config,
        clock=clock,
        engine=partial(engine, arrivals=load, seed=settings.seed),
        card=twin_card(settings, config),
        answered=load.answered,
    )
    return mesh, load


def _plain(config: MeshConfig) -> "TwinModel":
    from marskit.mesh.simulator.compile import twin_model

    return twin_model(config)


def _busy_ms(twin: Twin) -> tuple[tuple[str, float], ...]:
    """Time for which a request keeps all workers of one replica busy, by workload; empty without a twin."""
    from marskit.mesh.simulator.card_file import CardError

    try:
        stations = twin.model().stations
    except (ManifestError, CardError):
        # Predictions report why there is no twin.
        return ()
    return tuple((station.workload, station.service_ms / station.workers) for station in stations)


def _errors(card: "Card | None", model: "TwinModel", *, simulated: bool) -> Mapping[str, float | None]:
    """The p95 error of that card's model by service, in percent."""
    errors: dict[str, float | None] = (
        {held.service: held.p95_error_percent for held in card.held_out} if card else {}
    )
    if simulated and (card is None or card.renewal is None):
        # The same model on both sides: the error is one engine's against the other's.
        errors = dict.fromkeys({station.service for station in model.stations}, ENGINE_ERROR_PERCENT)
    return errors


def twin_card(settings: Settings, config: MeshConfig) -> "Card | None":
    """The card given by the settings, or what of the shipped one fits these manifests."""
    from marskit.mesh.simulator.card_choice import choose_card

    return choose_card(_plain(config), settings.card).card


def card_remarks(config: MeshConfig, card: Path | None) -> tuple[str, ...]:
    """How the manifests differ from those that the twin's card was fitted to, one sentence each.

    Raises:
        CardError: The card cannot be used.
    """
    from marskit.mesh.simulator.card_choice import choose_card

    try:
        plain = _plain(config)
    except ManifestError:
        # Predictions report why there is no twin.
        return ()
    return choose_card(plain, card).remarks
