"""`marskit calibrate`: fits the twin's parameters to recorded runs."""

import argparse
from pathlib import Path

from marskit.cli.options import OptionError, add_mesh, add_runs


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments and options."""
    parser.add_argument(
        "names",
        nargs="+",
        metavar="RUN",
        help="a run's id, a prefix of it, or `last`; more runs give a better fit",
    )
    parser.add_argument("--out", type=Path, metavar="FILE", help="write the calibration card to this file")
    parser.add_argument(
        "--if-drifted",
        action="store_true",
        help="fit only what has drifted from --card, to the cycles since the drift began",
    )
    add_mesh(parser)
    add_runs(parser)


def run(parsed: argparse.Namespace) -> int:
    """Fit the twin and show the card.

    Raises:
        OptionError: Options cannot be combined.
        UserError: A run, a manifest or the card cannot be used.
    """
    if parsed.card is not None and not parsed.if_drifted:
        raise OptionError(
            "--card names the card that the mesh may have drifted from, so it needs --if-drifted"
        )
    if parsed.out is not None and (parsed.out.is_dir() or not parsed.out.parent.is_dir()):
        # Checked now rather than after a minute of work.
        raise OptionError(f"--out is {parsed.out}; it must be a file in a folder that exists")
    from marskit.console.calibration import print_calibration, print_if_drifted

    of_mesh = parsed.runs, parsed.names, parsed.manifests, parsed.layers, parsed.mapping
    if parsed.if_drifted:
        print_if_drifted(*of_mesh, parsed.card, parsed.out)
    else:
        print_calibration(*of_mesh, parsed.out)
    return 0
