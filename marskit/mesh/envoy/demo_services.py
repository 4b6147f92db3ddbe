"""The demo services in `src/`: where they and Node are, and their dependencies kept installed.

Also a command, `python -m marskit.mesh.envoy.demo_services install|test`, for the Makefile and for people.
"""

import argparse
import fcntl
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from marskit.demo import DEMO_SERVICES
from marskit.mesh.envoy.binaries import node_binary, npm_command
from marskit.mesh.port import MeshError
from marskit.system.processes import Children, scratch_path

_INSTALL_TIMEOUT_S = 300
_INSTALL = ("ci", "--omit=dev", "--ignore-scripts", "--no-progress", "--loglevel=error")
_TESTS = "*/test/*.test.js"


class ServicesError(MeshError):
    """The services cannot be run; the message is one sentence for a person."""


def services_root() -> Path:
    """The npm workspace that holds the services."""
    root = DEMO_SERVICES
    if not (root / "package-lock.json").is_file():
        raise ServicesError(f"The demo services are not at {root}: marskit runs them from its own checkout.")
    return root


def dependencies_installed(root: Path | None = None) -> bool:
    """Whether `node_modules` is complete and no older than the lock: npm writes its copy of it there last."""
    root = root or services_root()
    try:
        installed = (root / "node_modules" / ".package-lock.json").stat().st_mtime_ns
    except FileNotFoundError:
        return False
    return installed >= (root / "package-lock.json").stat().st_mtime_ns


def install_dependencies(root: Path | None = None) -> None:
    """Install what the lock file names, unless it is there; safe to call from several processes at once."""
    root = root or services_root()
    with _locked(root / "package-lock.json"):
        if dependencies_installed(root):
            return
        try:
            done = subprocess.run(
                (*npm_command(), *_INSTALL),
                cwd=root,
                env=_node_environment(),
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                timeout=_INSTALL_TIMEOUT_S,
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            raise ServicesError(
                f"npm ci in {root} did not finish within {_INSTALL_TIMEOUT_S} s: is the registry reachable?"
            ) from error
        if done.returncode != 0:
            raise ServicesError(f"npm ci in {root} failed: {_first_reason(done.stderr)}")


async def install_in_child() -> None:
    """Install them in a process that can be given up at any moment, and that ends when this one is killed."""
    folder = scratch_path("marskit-npm-")
    log = folder / "install.log"
    children = Children(scratch=folder)
    try:
        children.make_scratch()
        command = (sys.executable, "-m", "marskit.mesh.envoy.demo_services", "install")
        cwd = services_root().parent
        child = await children.spawn("npm", command, env=os.environ, cwd=cwd, log=log)
        if code := await child.wait():
            said = log.read_text(errors="replace").strip().splitlines()
            raise ServicesError(said[-1] if said else f"npm ci ended with code {code}")
    finally:
        await children.close(grace_s=1.0)


def run_tests(root: Path | None = None) -> int:
    """Run the services' own tests, their output on ours; answers the exit code."""
    root = root or services_root()
    install_dependencies(root)
    return subprocess.run((str(node_binary()), "--test", _TESTS), cwd=root, check=False).returncode


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; answers the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m marskit.mesh.envoy.demo_services", description="Handle the demo services."
    )
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("install", help="install their npm dependencies, if they are missing or out of date")
    commands.add_parser("test", help="run their tests")
    try:
        if parser.parse_args(argv).command == "test":
            return run_tests()
        install_dependencies()
    except ServicesError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def _node_environment() -> dict[str, str]:
    """Our environment, with our Node before any other."""
    return os.environ | {"PATH": os.pathsep.join((str(node_binary().parent), os.environ.get("PATH", "")))}


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Hold the file's lock, which the system gives back even when this process is killed."""
    with path.open("rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _first_reason(stderr: str) -> str:
    """What npm says is wrong, without its prefix and its advice about log files."""
    prefix = "npm error "
    reasons = [line.removeprefix(prefix) for line in stderr.splitlines() if line.startswith(prefix)]
    told = [reason for reason in reasons if not reason.startswith("code ")]
    return (told or reasons or stderr.splitlines() or ["npm gave no reason"])[0]


if __name__ == "__main__":
    sys.exit(main())
