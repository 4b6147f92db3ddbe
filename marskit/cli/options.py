"""Options shared by several commands, their completion in a shell, and the printing of errors."""

import argparse
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from marskit.demo import DEMO_MANIFESTS
from marskit.errors import UserError
from marskit.knowledge.port import runs_place

SCENARIO = "spike"
"""Default scenario of headless runs."""


class OptionError(UserError):
    """Options are wrong or cannot be combined; one sentence says what is allowed."""


def add_runs(to: argparse._ActionsContainer) -> None:
    """Add the option for the place of recorded runs."""
    to.add_argument(
        "--runs",
        type=runs_place,
        metavar="FOLDER|URL",
        default=Path("runs"),
        help="where runs are stored, such as s3://bucket/runs (default: %(default)s)",
    )


def add_run_name(to: argparse._ActionsContainer, name: str = "name") -> None:
    """Add the argument that names a recorded run."""
    completes(to.add_argument(name, metavar="RUN", help="a run's id, a prefix of it, or `last`"), _run_names)


def add_scenario(to: argparse._ActionsContainer, default: str = SCENARIO) -> None:
    """Add the option for the load scenario."""
    completes(
        to.add_argument(
            "--scenario",
            metavar="NAME|FILE",
            help=f"a shipped scenario or a TOML file (default: {default})",
        ),
        _scenario_names,
    )


def add_mesh(to: argparse._ActionsContainer) -> None:
    """Add the options for manifests, mapping and calibration card."""
    add_manifests(to)
    add_mapping(to)
    to.add_argument(
        "--card",
        type=Path,
        metavar="FILE",
        help="the twin's calibration card, written by `calibrate` (default: the demo's, if it fits)",
    )


def add_manifests(to: argparse._ActionsContainer) -> None:
    """Add the option for the manifests."""
    to.add_argument(
        "--manifests",
        type=Path,
        nargs="+",
        metavar="PATH",
        default=DEMO_MANIFESTS,
        help="Kubernetes and Istio manifests, files or folders (default: the demo's)",
    )
    add_layers(to)


def add_layers(to: argparse._ActionsContainer) -> None:
    """Add the option for manifests that replace objects of others."""
    to.add_argument(
        "--layer",
        dest="layers",
        type=Path,
        nargs="+",
        metavar="PATH",
        default=(),
        help="more manifests, one after another; each replaces objects of the same kind, namespace and name,"
        " as `kubectl apply` does",
    )


def manifest_arguments(manifests: Iterable[Path], layers: Sequence[Path]) -> tuple[str, ...]:
    """The options that give another command the same manifests."""
    return ("--manifests", *map(str, manifests), *(("--layer", *map(str, layers)) if layers else ()))


def add_mapping(to: argparse._ActionsContainer) -> None:
    """Add the option for the mapping of container images to local processes."""
    to.add_argument(
        "--mapping", type=Path, metavar="FILE", help="how container images run as local processes (TOML)"
    )


def completes(option: argparse.Action, names: Callable[[], Iterable[str]]) -> None:
    """Make shells complete the option's value with these names."""
    # argcomplete reads this attribute.
    option.completer = lambda **_: list(names())  # type: ignore[attr-defined]


def planner_names() -> Iterable[str]:
    """The planners that can be chosen by name alone."""
    from marskit.agents.registry import planner_names

    return planner_names()


def _scenario_names() -> Iterable[str]:
    from marskit.load.scenario import list_scenarios

    return list_scenarios()


def _run_names() -> Iterable[str]:
    from marskit.knowledge.storage.store import open_store

    return ("last", *open_store(Path("runs")).runs())


def complain(sentence: str, exit_code: int) -> int:
    """Print an error, or the several sentences of one, and return the exit code."""
    sentences = [f"{line.rstrip('.')}." for line in sentence.split("\n")]
    if len(sentences) > 1:
        sentences.insert(0, f"{len(sentences)} things must be corrected:")
    print("marskit:", "\n".join(sentences), file=sys.stderr)
    return exit_code
