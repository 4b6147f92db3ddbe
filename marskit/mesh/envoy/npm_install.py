"""Provides npm packages for a starting mesh, from the cache or by an installation in a child process."""

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
    """Find or make a copy of the workspace in `folder` with its packages installed.

    It can be cancelled at any moment: the child process removes an unfinished copy.

    Args:
        folder: The folder of the workspace.
        tell: Called with sentences on the progress of an installation.

    Raises:
        MeshError: The folder is not a workspace, or its packages cannot be installed.
    """
    for _ in range(_ATTEMPTS):
        if (lease := find(read_workspace(folder))) is not None:
            return lease
        await _install(folder, tell)
    raise PackagesError(f"{folder} changes while its npm packages are being installed")


async def _install(folder: Path, tell: Callable[[str], None]) -> None:
    # -P: a file in the current folder must not shadow a module of the standard library.
    command = ("-P", "-m", "marskit.mesh.envoy.demo_services", "install", str(folder))
    installer = LineChild("npm", command, grace_s=_GRACE_S)
    async with aclosing(installer.lines()) as lines:
        async for line in lines:
            tell(line.strip())
    if installer.child is None or installer.child.returncode != 0:
        raise PackagesError(installer.complaint or f"npm ci for {folder} failed without a message")
