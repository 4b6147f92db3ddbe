"""Npm packages for a mesh that starts: found in the cache, or installed in a process of its own."""

from collections.abc import Callable
from contextlib import aclosing
from pathlib import Path

from marskit.mesh.envoy.npm import PackagesError
from marskit.mesh.envoy.npm_cache import Lease, find
from marskit.mesh.envoy.npm_workspace import read_workspace
from marskit.system.line_child import LineChild

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
    # -P: a file in the current folder must not stand in for a module of Python's.
    command = ("-P", "-m", "marskit.mesh.envoy.demo_services", "install", str(folder))
    installer = LineChild("npm", command, grace_s=_GRACE_S)
    async with aclosing(installer.lines()) as lines:
        async for line in lines:
            tell(line.strip())
    if installer.child is None or installer.child.returncode != 0:
        raise PackagesError(installer.complaint or f"The installation for {folder} ended without a word")
