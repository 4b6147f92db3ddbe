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
    log = scratch / "install.log"
    children = Children(scratch=scratch)
    try:
        children.make_scratch()
        command = (sys.executable, "-m", "marskit.mesh.envoy.demo_services", "install", str(folder))
        child = await children.spawn("npm", command, env=environ, cwd=IMPORT_ROOT, log=log)
        said = await _follow(child, log, tell)
        if code := await child.wait():
            raise PackagesError(
                said[-1] if said else f"the installation of npm packages ended with code {code}"
            )
    finally:
        await children.close(grace_s=_GRACE_S)


async def _follow(child: Child, log: Path, tell: Callable[[str], None]) -> tuple[str, ...]:
    """Tell each line that the child writes; all of its lines once it has ended."""
    told = 0
    while True:
        ended = child.returncode is not None
        lines = _whole_lines(log)
        # The last line of a child that failed is the error, and is raised rather than told.
        until = len(lines) - bool(child.returncode)
        for line in lines[told:until]:
            tell(line)
        told = max(told, until)
        if ended:
            return lines
        with suppress(TimeoutError):
            await asyncio.wait_for(child.wait(), _POLL_S)


def _whole_lines(log: Path) -> tuple[str, ...]:
    *whole, _ = log.read_text(errors="replace").split("\n")
    return tuple(line.strip() for line in whole if line.strip())
