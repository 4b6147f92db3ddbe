"""How a replica of a Deployment runs as a process on this machine."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from marskit.mesh.envoy.binaries import program
from marskit.mesh.envoy.npm_workspace import LOCK_FILE
from marskit.mesh.manifests.workloads import Deployment
from marskit.mesh.port import MeshError

# Services inherit nothing else of the user's environment, which may hold secrets.
_INHERITED = ("HOME", "LANG", "PATH", "TMPDIR", "TZ")
CHAOS_TOKEN = "MARSKIT_CHAOS_TOKEN"
"""The variable with the token that a replica must ask of whoever injects faults."""


@dataclass(frozen=True, slots=True)
class Launch:
    """The command, the environment and the folder that every replica of one Deployment starts with."""

    argv: tuple[str, ...]
    env: Mapping[str, str]
    directory: Path
    port_env: str | None
    packages: bool = False
    """Whether `directory` is a copy of the folder with its npm packages installed."""
    takes_faults: bool = False
    """Whether the replicas have an endpoint for faults, which needs a token."""

    def arguments(self, port: int) -> tuple[str, ...]:
        """The command line of a replica that listens on `port`."""
        return tuple(word.replace("{port}", str(port)) for word in self.argv)

    def environment(self, *, name: str, port: int, seed: int, chaos_token: str) -> dict[str, str]:
        """The variables of the replica called `name`; a seed set in the manifest wins over the run's."""
        env = {key: os.environ[key] for key in _INHERITED if key in os.environ}
        env |= {"SEED": str(seed), **self.env, "HOSTNAME": name}
        if self.takes_faults:
            # Not in the arguments: those can be read by every user of the machine.
            env[CHAOS_TOKEN] = chaos_token
        if self.port_env:
            env[self.port_env] = str(port)
        return env


def launch(
    deployment: Deployment,
    environment: Mapping[str, str],
    root: Path,
    copies: Mapping[Path, Path] = MappingProxyType({}),
) -> Launch:
    """Work out how to run a Deployment's replicas here.

    Args:
        deployment: The Deployment, which must define how it runs as a local process.
        environment: Its variables with the hosts of other services replaced by local listeners.
        root: The folder that its working directory is relative to.
        copies: Copies with installed packages, by working directory.

    Raises:
        MeshError: It does not define how it runs, or its program or folder is missing.
    """
    local = deployment.local
    if local is None:
        raise MeshError(f"Deployment {deployment.name} does not define how it runs as a local process")
    directory = root / (local.directory or ".")
    if not directory.is_dir():
        raise MeshError(f"Deployment {deployment.name}: its folder {directory} does not exist")
    if local.packages is not None:
        if not (directory / LOCK_FILE).is_file():
            raise MeshError(
                f"Deployment {deployment.name}: its folder {directory} has no {LOCK_FILE} for npm"
            )
        directory = copies.get(directory, directory)
    first, *rest = local.command
    try:
        found = program(first, directory)
    except MeshError as error:
        raise MeshError(f"Deployment {deployment.name} cannot be run: {error}") from None
    return Launch(
        (str(found), *rest),
        environment,
        directory,
        local.port_env,
        packages=local.packages is not None,
        takes_faults=local.chaos_path is not None,
    )
