"""What there is to choose from, each in a sentence: planners and load scenarios."""

from collections.abc import Iterator

from marskit.agents.registry import PLANNERS, PlannerContext, make_planner
from marskit.agents.sources import plugins
from marskit.demo import DEMO_MANIFESTS
from marskit.load.scenario import list_scenarios, load_scenario
from marskit.mesh.manifests.graph import goals, topology
from marskit.mesh.manifests.load import load_mesh
from marskit.mesh.simulator.compile import twin_model


def planner_summaries() -> Iterator[tuple[str, str]]:
    """Every planner with how it decides, as it would on the demo.

    Raises:
        UserError: The demo cannot be read.
    """
    config = load_mesh(DEMO_MANIFESTS)
    demo = PlannerContext(
        topology=topology(config),
        goals=goals(config),
        period_s=2.0,
        speed=7.5,
        model=lambda: twin_model(config),
        rate_at=lambda at_s: 0.0,
    )
    for name in PLANNERS:
        yield name, make_planner(name, demo).summary
    for name, source in plugins().items():
        # Listed without an import, because a list must not run a plug-in's code.
        if name not in PLANNERS:
            yield name, f"Installed plug-in: {source.name} of {source.where}."


def scenario_summaries() -> Iterator[tuple[str, str]]:
    """Every shipped scenario with its description.

    Raises:
        ScenarioError: A scenario's file is wrong.
    """
    for name in list_scenarios():
        yield name, load_scenario(name).description
