"""`marskit compare`: runs planners on identical load and compares them."""

import argparse
from pathlib import Path

from marskit.assembly.settings import ENGINES, MESHES, Settings
from marskit.cli.options import OptionError, add_mesh

PLANNERS = ("static", "threshold", "hpa", "hpa-tuned", "demand", "lookahead", "ppo", "sac", "oracle")
SCENARIOS = "spike,ramp,flash-crowd,on-off,diurnal"


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments and options."""
    parser.add_argument(
        "--planners",
        metavar="A,B",
        help="planners to compare; hpa-tuned is tuned first, on other loads (default: all that can plan for "
        f"this mesh, of {','.join(PLANNERS)})",
    )
    parser.add_argument(
        "--scenarios", default=SCENARIOS, metavar="A,B", help="scenarios to run (default: %(default)s)"
    )
    parser.add_argument("--seeds", default="0,1,2", metavar="N,M", help="one run each (default: %(default)s)")
    parser.add_argument("--mesh", choices=MESHES, default="twin", help="where to run (default: %(default)s)")
    parser.add_argument(
        "--engine", choices=ENGINES, default=ENGINES[0], help="the twin's engine (default: %(default)s)"
    )
    parser.add_argument(
        "--out",
        type=Path,
        default=Path("comparison"),
        metavar="FOLDER",
        help="write results here (default: %(default)s)",
    )
    parser.add_argument("--json", action="store_true", help="print each run as a line of JSON when it ends")
    add_mesh(parser)


def run(parsed: argparse.Namespace) -> int:
    """Run every combination and print the comparison; return 1 if any run failed.

    Raises:
        OptionError: The seeds are not whole numbers.
        UserError: A planner, a scenario, a policy, the card or a manifest cannot be used.
    """
    usual = Settings(
        mesh=parsed.mesh,
        engine=parsed.engine,
        manifests=tuple(parsed.manifests),
        layers=tuple(parsed.layers),
        mapping=parsed.mapping,
        card=parsed.card,
        # Planners are compared alone: without rollback, and without predictions, which nobody reads.
        preview=False,
        guard=False,
        baselines=False,
    )
    try:
        seeds = tuple(int(seed) for seed in _names(parsed.seeds))
    except ValueError:
        raise OptionError(
            f"--seeds is {parsed.seeds!r}; it must be whole numbers separated by commas"
        ) from None
    from marskit.compare.session import compare

    return compare(
        PLANNERS if parsed.planners is None else _names(parsed.planners),
        _names(parsed.scenarios),
        seeds,
        usual,
        parsed.out,
        leave_out=parsed.planners is None,
        as_json=parsed.json,
    )


def _names(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(",") if name.strip())
