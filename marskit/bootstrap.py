"""The only place that chooses adapters and puts a run together."""

from functools import partial

from marskit import services
from marskit.agents.registry import PLANNERS, make_planner
from marskit.clock import LoopClock
from marskit.controller.controller import Controller
from marskit.controller.parameters import Parameters
from marskit.knowledge.files import new_run
from marskit.knowledge.parquet import ParquetKnowledge
from marskit.load.locust_process import LocustLoad
from marskit.load.scenario import load_scenario
from marskit.mapek.shield import Shield
from marskit.mapek.shield_rules import ShieldLimits
from marskit.mesh.envoy.adapter import EnvoyMesh
from marskit.mesh.manifests.graph import goals
from marskit.mesh.manifests.load import load_mesh
from marskit.processes import scratch_path
from marskit.settings import DEMO_MANIFESTS, KUBERNETES_PERIOD_S, Settings


async def build(settings: Settings) -> Controller:
    """The controller of one run, on the loop that will run it; nothing is started yet.

    Raises:
        ManifestError: A manifest or the mapping file is wrong.
        ScenarioError: The scenario is wrong, or there is none of that name.
        UnknownPlanner: There is no planner of that name.
        MeshError: A program that the mesh needs is missing, or the gateway's port is in use.
        KnowledgeError: Nothing can be written to the folder for runs.
    """
    clock = LoopClock()
    config = load_mesh(settings.manifests, mapping=settings.mapping)
    scenario = load_scenario(settings.scenario)
    mesh = EnvoyMesh(
        config,
        clock=clock,
        seed=settings.seed,
        gateway_port=settings.gateway_port,
        prepare=services.install_in_child if _needs_packages(settings) else None,
    )
    planner = partial(make_planner, topology=mesh.topology)
    planner(settings.planner)
    period_s = settings.period_s or KUBERNETES_PERIOD_S / scenario.speed
    parameters = Parameters(
        run=new_run(settings.runs),
        seed=settings.seed,
        goals=goals(config),
        make_planner=planner,
        planners=tuple(PLANNERS),
        planner=settings.planner,
        mode=settings.mode,
        period_s=period_s,
        sample_period_s=settings.sample_s,
        window_s=2 * period_s,
    )
    load = LocustLoad(
        scenario,
        seed=settings.seed,
        clock=clock,
        run_directory=scratch_path("marskit-locust-"),
        workers=settings.locust_workers,
    )
    knowledge = ParquetKnowledge(settings.runs)
    return Controller(mesh, load, knowledge, parameters, shield=Shield(ShieldLimits()), clock=clock)


def _needs_packages(settings: Settings) -> bool:
    return settings.manifests == DEMO_MANIFESTS and not services.dependencies_installed()
