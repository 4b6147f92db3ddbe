"""Npm packages for a mesh that starts: found in the cache, or installed in a process of its own."""

import asyncio
import sys
from collections.abc import Callable
from contextlib import suppress
from os import environ
from pathlib import Path

from marskit.mesh.envoy.npm import PackagesError
from marskit.mesh.envoy.npm_cache import Lease, find
from marskit.mesh.envoy.npm_workspace import read_workspace
from marskit.system.import_root import IMPORT_ROOT
from marskit.system.processes import Child, Children, scratch_path

_POLL_S = 0.1
_GRACE_S = 1.0
_ATTEMPTS = 3


async def with_packages(folder: Path, tell: Callable[[str], None]) -> Lease:
    """A copy of the workspace in `folder` with its packages installed.

    It may be given up at any moment: what is half done goes with the process that does it.

    Args:
        folder: The workspace.
        tell: Called with what is being done while something has to be installed.

    Raises:
        MeshError: The folder is no workspace, or its packages cannot be installed.
    """
    for _ in range(_ATTEMPTS):
        if (lease := find(read_workspace(folder))) is not None:
            return lease
        await _install(folder, tell)
    raise PackagesError(f"{folder} changes while its npm packages are being installed")


async def _install(folder: Path, tell: Callable[[str], None]) -> None:
    scratch = scratch_path("marskit-npm-")
    progress, errors = scratch / "progress.log", scratch / "errors.log"
    children = Children(scratch=scratch)
    try:
        children.make_scratch()
        command = (sys.executable, "-m", "marskit.mesh.envoy.demo_services", "install", str(folder))
        with progress.open("ab") as output:
            child = await children.spawn(
                "npm", command, env=environ, cwd=IMPORT_ROOT, log=errors, stdout=output.fileno()
            )
        await _follow(child, progress, tell)
        if code := await child.wait():
            said = _whole_lines(errors)
            raise PackagesError(
                said[-1] if said else f"npm packages: the installation ended with code {code}"
            )
    finally:
        await children.close(grace_s=_GRACE_S)


async def _follow(child: Child, progress: Path, tell: Callable[[str], None]) -> None:
    """Tell each line that the child writes, until it has ended."""
    told = 0
    ended = False
    while not ended:
        # Asked first, so that what it wrote at last is told as well.
        ended = child.returncode is not None
        lines = _whole_lines(progress)
        for line in lines[told:]:
            tell(line)
        told = len(lines)
        with suppress(TimeoutError):
            await asyncio.wait_for(child.wait(), _POLL_S)


def _whole_lines(log: Path) -> tuple[str, ...]:
    *whole, _ = log.read_text(errors="replace").split("\n")
    return tuple(line.strip() for line in whole if line.strip())
