"""The commands that only read: a run's story, manifests, and what there is to choose from."""

import argparse
from pathlib import Path

from marskit.assembly.settings import SettingsError
from marskit.cli.options import SCENARIO, add_mapping, add_runs, add_scenario
from marskit.demo import DEMO_MANIFESTS


def add_report_options(report: argparse.ArgumentParser) -> None:
    """What `marskit report` takes."""
    report.set_defaults(run=_report)
    report.add_argument("name", metavar="RUN", help="its id, the beginning of it, or `last`")
    add_runs(report)


def add_check_options(check: argparse.ArgumentParser) -> None:
    """What `marskit check` takes."""
    check.set_defaults(run=_check)
    check.add_argument("paths", type=Path, nargs="*", metavar="PATH", help="default: the demo's manifests")
    add_mapping(check)
    add_scenario(check)


def _report(parsed: argparse.Namespace) -> int:
    from marskit.cli.offline import print_report
    from marskit.knowledge.port import KnowledgeError

    try:
        print_report(parsed.runs, parsed.name)
    except KnowledgeError as error:
        raise SettingsError(str(error)) from error
    return 0


def _check(parsed: argparse.Namespace) -> int:
    from marskit.cli.offline import print_check
    from marskit.load.scenario import ScenarioError
    from marskit.mesh.manifests.model import ManifestError

    try:
        print_check(tuple(parsed.paths or DEMO_MANIFESTS), parsed.mapping, parsed.scenario or SCENARIO)
    except (ManifestError, ScenarioError) as error:
        raise SettingsError(str(error)) from error
    return 0


def list_planners(parsed: argparse.Namespace) -> int:
    """Every planner with what it does."""
    from marskit.cli.offline import print_planners

    print_planners()
    return 0


def list_scenarios(parsed: argparse.Namespace) -> int:
    """Every load scenario with what it is.

    Raises:
        SettingsError: One of them cannot be read.
    """
    from marskit.cli.offline import print_scenarios
    from marskit.load.scenario import ScenarioError

    try:
        print_scenarios()
    except ScenarioError as error:
        raise SettingsError(str(error)) from error
    return 0
