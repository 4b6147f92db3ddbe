"""`marskit check`: checks manifests and a scenario without starting anything."""

import argparse
import shutil
import sys
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING

from marskit.cli.options import SCENARIO, add_layers, add_mapping, add_scenario
from marskit.demo import DEMO_MANIFESTS

if TYPE_CHECKING:
    from marskit.mesh.manifests.model import MeshConfig

NAME = 11
"""Width of the first column."""


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments and options."""
    parser.add_argument(
        "paths", type=Path, nargs="*", metavar="PATH", help="manifests to check (default: the demo's)"
    )
    add_layers(parser)
    add_mapping(parser)
    add_scenario(parser)


def run(parsed: argparse.Namespace) -> int:
    """Print a summary of manifests and scenario.

    Raises:
        InputError: Manifests, the mapping file or the scenario are wrong.
    """
    from marskit.assembly.bootstrap import card_remarks
    from marskit.assembly.inputs import read_inputs
    from marskit.mesh.envoy.resources.render import expressible_listeners
    from marskit.mesh.manifests.graph import goals, topology
    from marskit.text import plural

    paths = tuple(parsed.paths or DEMO_MANIFESTS)
    config, scenario = read_inputs(paths, parsed.mapping, parsed.scenario or SCENARIO, layers=parsed.layers)
    expressible_listeners(config)
    unchecked = _check_by_envoy(config)
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
    load = (
        f"{scenario.name}: {scenario.title}, {scenario.duration_s:g} s at {scenario.speed:g}x "
        f"real time, up to {scenario.peak_rate:g} req/s, {plural(len(scenario.requests), 'kind')} of request"
    )
    told = [
        ("manifests", f"{', '.join(found)} in namespace {config.namespace}"),
        ("edges", ", ".join(map(str, topology(config).edges))),
        ("SLOs", objectives or "none"),
        ("scenario", load),
        *(("notice", notice) for notice in (*config.notices, *unchecked, *card_remarks(config, None))),
    ]
    for name, words in told:
        print(_paragraph(name, words))
    return 0


def _check_by_envoy(config: "MeshConfig") -> tuple[str, ...]:
    """Raise what Envoy refuses; a notice where Envoy cannot be asked."""
    from marskit.mesh.envoy.validation import refusal
    from marskit.mesh.port import MeshError

    try:
        error = refusal(config)
    except MeshError as missing:
        return (f"Envoy's own check of the configuration was left out: {missing}",)
    if error is not None:
        raise error
    return ()


def _paragraph(name: str, words: str) -> str:
    """A name and its words; on a terminal the words wrap beside it, in a file they stay on one line."""
    lead = f"{name:<{NAME}}"
    if not sys.stdout.isatty():
        return lead + words
    width = max(40, shutil.get_terminal_size().columns - 1)
    return textwrap.fill(
        words,
        width,
        initial_indent=lead,
        subsequent_indent=" " * NAME,
        break_long_words=False,
        break_on_hyphens=False,
    )
