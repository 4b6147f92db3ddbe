"""The commands that start nothing: what was recorded, what there is to choose, and whether input is right."""

import shutil
import sys
from collections.abc import Iterable
from pathlib import Path

from rich.console import Console
from rich.text import Text

from marskit.agents.registry import PLANNERS, PlannerContext, make_planner
from marskit.console.report import report_lines, runs_lines
from marskit.demo import DEMO_MANIFESTS
from marskit.knowledge.read import runs
from marskit.load import scenario as scenarios
from marskit.mesh.envoy.resources.render import expressible_listeners
from marskit.mesh.manifests.graph import goals, topology
from marskit.mesh.manifests.load import load_mesh
from marskit.mesh.simulator.compile import twin_model
from marskit.text import plural


def print_runs(root: Path | str) -> None:
    """List the runs under `root`, and name what cannot be read."""
    listed = runs.list_runs(root)
    _warn(listed.unreadable)
    if listed.runs:
        _print(runs_lines(listed.runs))
    else:
        print(f"There are no runs in {root}.")


def print_report(root: Path | str, name: str) -> None:
    """Tell the story of the run meant by `name`, and name what of it cannot be read.

    Raises:
        KnowledgeError: There is no such run, or nothing is known of it.
    """
    stored = runs.load_run(root, runs.find_run(root, name))
    _warn(stored.unreadable)
    _print(report_lines(stored, width=shutil.get_terminal_size().columns))


def print_check(paths: tuple[Path, ...], mapping: Path | None, scenario_name: str) -> None:
    """Say what manifests and scenario hold.

    Raises:
        ManifestError: A manifest is wrong.
        ScenarioError: The scenario is wrong.
    """
    config = load_mesh(paths, mapping=mapping)
    expressible_listeners(config)
    scenario = scenarios.load_scenario(scenario_name)
    found = (
        plural(len(config.deployments), "Deployment"),
        plural(len(config.services), "Service"),
        plural(len(config.gateways), "Gateway"),
        plural(len(config.virtual_services), "VirtualService"),
        plural(len(config.destination_rules), "DestinationRule"),
    )
    objectives = ", ".join(
        f"{slo.service} (p95 below {slo.latency_ms:g} ms, {slo.availability_percent:g} % answered)"
        for slo in goals(config).slos
    )
    print(f"manifests  {', '.join(found)} in namespace {config.namespace}")
    print(f"edges      {', '.join(map(str, topology(config).edges))}")
    print(f"SLOs       {objectives or 'none'}")
    print(
        f"scenario   {scenario.name}: {scenario.title}, {scenario.duration_s:g} s at {scenario.speed:g}x "
        f"real time, up to {scenario.peak_rate:g} req/s, {plural(len(scenario.requests), 'kind')} of request"
    )
    for notice in config.notices:
        print(f"notice     {notice}")


def print_planners() -> None:
    """List the planners, each with how it decides."""
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


def print_scenarios() -> None:
    """List the shipped scenarios.

    Raises:
        ScenarioError: One of them is wrong.
    """
    for name in scenarios.list_scenarios():
        print(f"{name:<12} {scenarios.load_scenario(name).description}")


def _print(lines: Iterable[Text]) -> None:
    console = Console()
    for line in lines:
        console.print(line, soft_wrap=True, highlight=False)


def _warn(sentences: Iterable[str]) -> None:
    for sentence in sentences:
        print(f"marskit: {sentence}", file=sys.stderr)
