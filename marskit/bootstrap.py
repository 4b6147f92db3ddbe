"""The only place that chooses adapters and puts a run together."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING

from marskit import services
from marskit.agents.preview import TwinPreview
from marskit.agents.registry import PLANNERS, PlannerContext, make_planner
from marskit.clock import Clock, LoopClock
from marskit.controller.controller import Controller
from marskit.controller.parameters import Parameters
from marskit.knowledge.parquet import ParquetKnowledge
from marskit.knowledge.store import new_run
from marskit.load.port import Load
from marskit.load.scenario import Scenario, load_scenario
from marskit.mapek.shield import Shield
from marskit.mapek.shield_rules import ShieldLimits
from marskit.mesh.manifests.graph import goals
from marskit.mesh.manifests.load import load_mesh
from marskit.mesh.manifests.model import MeshConfig
from marskit.mesh.port import Mesh
from marskit.processes import scratch_path
from marskit.settings import DEMO_MANIFESTS, KUBERNETES_PERIOD_S, Settings

if TYPE_CHECKING:
    from marskit.mesh.simulator.card import Card
    from marskit.mesh.simulator.engine import Engine
    from marskit.mesh.simulator.model import TwinModel


ENGINE_ERROR_PERCENT = 5.0
"""By how much the p95 of the twin's fast engine may differ from the request-level one's in the middle of all
points; `python -m benchmarks.twin` measures 2.5 %."""


async def build(settings: Settings) -> Controller:
    """The controller of one run, on the loop that will run it; nothing is started yet.

    Raises:
        ManifestError: A manifest or the mapping file is wrong, or the twin cannot simulate the mesh.
        ScenarioError: The scenario is wrong, or there is none of that name.
        UnknownPlanner: There is no planner of that name.
        MeshError: A program that the mesh needs is missing, or the gateway's port is in use.
        KnowledgeError: Nothing can be written to the folder for runs.
    """
    clock = LoopClock()
    config = load_mesh(settings.manifests, mapping=settings.mapping)
    scenario = load_scenario(settings.scenario)
    choose = _twin if settings.mesh == "twin" else _envoy
    mesh, load = choose(settings, config, scenario, clock)
    period_s = settings.period_s or KUBERNETES_PERIOD_S / scenario.speed
    context = PlannerContext(
        topology=mesh.topology,
        goals=goals(config),
        period_s=period_s,
        speed=scenario.speed,
        model=lambda: _model(settings, config),
        rate_at=lambda at_s: scenario.rate_at(at_s * scenario.speed),
    )
    planner = partial(make_planner, context=context)
    planner(settings.planner)
    parameters = Parameters(
        run=new_run(settings.runs),
        seed=settings.seed,
        goals=context.goals,
        make_planner=planner,
        planners=tuple(PLANNERS),
        planner=settings.planner,
        mode=settings.mode,
        period_s=period_s,
        sample_period_s=settings.sample_s,
        window_s=2 * period_s,
        guard=settings.guard,
    )
    preview = TwinPreview(
        lambda: _twin_and_errors(settings, config), context.goals, period_s=period_s, speed=scenario.speed
    )
    knowledge = ParquetKnowledge(settings.runs)
    return Controller(
        mesh,
        load,
        knowledge,
        parameters,
        shield=Shield(ShieldLimits()),
        clock=clock,
        preview=preview if settings.preview else None,
    )


# Each imports its own adapters: neither has to wait until what only the other needs is loaded.
def _envoy(settings: Settings, config: MeshConfig, scenario: Scenario, clock: Clock) -> tuple[Mesh, Load]:
    from marskit.load.locust_process import LocustLoad
    from marskit.mesh.envoy.adapter import EnvoyMesh

    mesh = EnvoyMesh(
        config,
        clock=clock,
        seed=settings.seed,
        gateway_port=settings.gateway_port,
        prepare=services.install_in_child if _needs_packages(settings) else None,
    )
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
        card=_card(settings, config),
        answered=load.answered,
    )
    return mesh, load


def _model(settings: Settings, config: MeshConfig) -> "TwinModel":
    from marskit.mesh.simulator.compile import twin_model

    return twin_model(config, _card(settings, config))


def _twin_and_errors(
    settings: Settings, config: MeshConfig
) -> "tuple[TwinModel, Mapping[str, float | None]]":
    """The mesh as the twin sees it, and how far its p95 is off, in percent and by service."""
    from marskit.mesh.simulator.compile import twin_model

    card = _card(settings, config)
    model = twin_model(config, card)
    errors: dict[str, float | None] = (
        {held.service: held.p95_error_percent for held in card.held_out} if card else {}
    )
    if settings.mesh == "twin":
        # The same model on both sides: what is off is one engine against the other.
        errors = dict.fromkeys({station.service for station in model.stations}, ENGINE_ERROR_PERCENT)
    return model, errors


def _card(settings: Settings, config: MeshConfig) -> "Card | None":
    """The card that was asked for, or the one that comes along for the demo."""
    from marskit.mesh.simulator.card_file import read_card, shipped_card
    from marskit.mesh.simulator.compile import twin_model

    plain = twin_model(config)
    return read_card(settings.card, plain) if settings.card else shipped_card(plain)


def _needs_packages(settings: Settings) -> bool:
    return settings.manifests == DEMO_MANIFESTS and not services.dependencies_installed()
