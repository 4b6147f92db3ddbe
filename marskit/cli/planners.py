"""`marskit planners`: lists the planners, or writes a file for one of your own."""

import argparse
from pathlib import Path

from marskit.cli.options import OptionError


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments and options."""
    parser.add_argument(
        "words",
        nargs="*",
        metavar="new NAME",
        help="write a planner as a starting point; without it, list the planners",
    )
    parser.add_argument(
        "--out",
        type=Path,
        metavar="FILE.py",
        help="with new: write to this file (default: named after the planner)",
    )


def run(parsed: argparse.Namespace) -> int:
    """List the planners, each with how it decides, or write a new one.

    Raises:
        OptionError: The arguments are not `new NAME`.
        UserError: The file cannot be written.
    """
    match parsed.words:
        case []:
            if parsed.out is not None:
                raise OptionError("--out goes with `marskit planners new NAME`")
            _list()
        case ["new", name]:
            from marskit.plugins.template import write_template

            chosen = write_template(name, parsed.out)
            print(f"Wrote {chosen.rpartition(':')[0]}. Run it with: marskit --planner {chosen}")
        case _:
            said = " ".join(parsed.words)
            raise OptionError(
                f"`marskit planners {said}` is not understood; write `marskit planners new NAME`"
            )
    return 0


def _list() -> None:
    from marskit.agents.registry import PLANNERS, PlannerContext, make_planner
    from marskit.agents.sources import plugins
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
    for name, source in plugins().items():
        # Listed without an import, because a list must not run a plug-in's code.
        if name not in PLANNERS:
            print(f"{name:<12} Installed plug-in: {source.name} of {source.where}.")
