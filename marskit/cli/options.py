"""Options that several commands take, and how all of them complain."""

import argparse
import sys
from pathlib import Path

from marskit.knowledge.port import runs_place

SCENARIO = "spike"
"""What is played where nobody watches."""


def add_runs(to: argparse._ActionsContainer, default: object = argparse.SUPPRESS) -> None:
    """Where runs are; without a default, the one of the program is taken."""
    to.add_argument(
        "--runs",
        type=runs_place,
        metavar="FOLDER|URL",
        default=default,
        help="where cycles are stored, such as s3://bucket/runs (default: runs)",
    )


def add_scenario(to: argparse._ActionsContainer, default: object = argparse.SUPPRESS) -> None:
    """Which load is played."""
    to.add_argument(
        "--scenario",
        metavar="NAME|FILE",
        default=default,
        help="default: rush-hours on the screen, else spike",
    )


def add_mapping(to: argparse._ActionsContainer, default: object = argparse.SUPPRESS) -> None:
    """How what the manifests name is run."""
    to.add_argument(
        "--mapping", type=Path, metavar="FILE", default=default, help="how images run as local processes"
    )


def complain(sentence: str, exit_code: int) -> int:
    """Say what is wrong, and return the exit code."""
    print(f"marskit: {sentence.rstrip('.')}.", file=sys.stderr)
    return exit_code
