"""Installs the npm packages of the demo's services beside a copy of them in the user's cache.

Also a command: `python -m marskit.mesh.envoy.demo_services install|test`.
"""

import argparse
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from marskit.demo import DEMO_SERVICES
from marskit.errors import UserError
from marskit.mesh.envoy.binaries import node_binary
from marskit.mesh.envoy.npm import PackagesError
from marskit.mesh.envoy.npm_cache import Lease, find, install
from marskit.mesh.envoy.npm_workspace import read_workspace
from marskit.system import exit_codes

_TESTS = "*/test/*.test.js"


def install_dependencies(folder: Path = DEMO_SERVICES) -> None:
    """Install the packages of the workspace in `folder` beside its copy in the cache, if they are missing.

    Raises:
        MeshError: The folder is not a workspace, or its packages cannot be installed.
    """
    _installed(folder).close()


def run_tests(folder: Path = DEMO_SERVICES) -> int:
    """Run the services' own tests in the copy, print their output and return the exit code.

    Raises:
        MeshError: The folder is not a workspace, or its packages cannot be installed.
    """
    with _installed(folder) as lease:
        return subprocess.run(
            (str(node_binary()), "--test", _TESTS), cwd=lease.folder, check=False
        ).returncode


def _installed(folder: Path) -> Lease:
    workspace = read_workspace(folder)
    if (lease := find(workspace)) is not None:
        return lease
    install(workspace, _tell)
    if (lease := find(workspace)) is None:
        raise PackagesError(f"The copy of {folder} was removed as soon as it was made")
    return lease


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m marskit.mesh.envoy.demo_services",
        description="Install the npm packages of the demo's services in the user's cache, or test them.",
    )
    commands = parser.add_subparsers(dest="command", required=True)
    for name, text in (
        ("install", "install the packages if they are missing"),
        ("test", "run the services' tests"),
    ):
        command = commands.add_parser(name, help=text)
        command.add_argument(
            "folder",
            type=Path,
            nargs="?",
            default=DEMO_SERVICES,
            help="the npm workspace (default: the demo's)",
        )
    # Signals raise an exception, so that an unfinished copy is removed.
    for ending in (signal.SIGINT, signal.SIGTERM):
        signal.signal(ending, lambda number, _: sys.exit(exit_codes.of_signal(number)))
    parsed = parser.parse_args(argv)
    try:
        if parsed.command == "test":
            return run_tests(parsed.folder)
        install_dependencies(parsed.folder)
    except UserError as error:
        print(error, file=sys.stderr)
        return exit_codes.FAILED
    return 0


def _tell(sentence: str) -> None:
    print(sentence, flush=True)


if __name__ == "__main__":
    sys.exit(main())
