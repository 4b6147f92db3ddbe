"""`marskit planners`: what may decide."""

import argparse


def add_options(parser: argparse.ArgumentParser) -> None:
    """Nothing."""


def run(parsed: argparse.Namespace) -> int:
    """List the planners, each with how it decides."""
    from marskit.agents.registry import PLANNERS, PlannerContext, make_planner
    from marskit.demo import DEMO_MANIFESTS
    from marskit.mesh.manifests.graph import goals, topology
    from marskit.mesh.manifests.load import load_mesh
    from marskit.mesh.simulator.compile import twin_model

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
        print(f"{name:<12} {make_planner(name, demo).summary}")
    return 0
