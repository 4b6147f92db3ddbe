"""Reads an npm workspace from a folder, and computes the keys of its copy in the cache."""

import hashlib
import platform
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from marskit.mesh.envoy.binaries import node_version
from marskit.mesh.port import MeshError

LOCK_FILE = "package-lock.json"
PACKAGES_FOLDER = "node_modules"
_SKIPPED = frozenset({PACKAGES_FOLDER, ".git"})
_NAMES_PACKAGES = frozenset({LOCK_FILE, "package.json", ".npmrc"})
_KEY_LENGTH = 16
"""Length of each digest in a key, in hexadecimal digits."""


@dataclass(frozen=True, slots=True)
class SourceFile:
    """One file of a workspace."""

    path: PurePosixPath
    """Relative to the workspace."""
    mode: int
    """Permission bits."""
    content: bytes


@dataclass(frozen=True, slots=True)
class Workspace:
    """The sources of one workspace, read once, so that the copy holds exactly what its key describes."""

    folder: Path
    files: tuple[SourceFile, ...]
    packages_key: str
    """Equal for equal packages: the same lock file, package files, Node.js version and platform."""
    key: str
    """Equal for equal packages and equal sources; begins with `packages_key`."""

    def write(self, folder: Path) -> None:
        """Write the files into a folder."""
        for file in self.files:
            target = folder / file.path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(file.content)
            target.chmod(file.mode)


def read_workspace(folder: Path) -> Workspace:
    """Read the workspace in a folder, without packages that are installed beside the sources.

    Raises:
        MeshError: The folder has no lock file, or cannot be read.
    """
    if not (folder / LOCK_FILE).is_file():
        raise MeshError(f"{folder} has no {LOCK_FILE}, so its npm packages cannot be installed")
    try:
        files = tuple(_files(folder, PurePosixPath()))
    except OSError as error:
        raise MeshError(f"{error.filename or folder} cannot be read: {error.strerror}") from error
    node = f"node {node_version()} {sys.platform} {platform.machine()}".encode()
    packages_key = _digest(node, (file for file in files if file.path.name in _NAMES_PACKAGES))
    return Workspace(folder, files, packages_key, f"{packages_key}-{_digest(b'', files)}")


def _files(folder: Path, below: PurePosixPath) -> Iterator[SourceFile]:
    for entry in sorted(folder.iterdir()):
        if entry.is_dir():
            if entry.name not in _SKIPPED:
                yield from _files(entry, below / entry.name)
        elif entry.is_file():
            # The owner must be able to write the copy in order to remove it.
            mode = entry.stat().st_mode & 0o777 | 0o200
            yield SourceFile(below / entry.name, mode, entry.read_bytes())


def _digest(start: bytes, files: Iterable[SourceFile]) -> str:
    digest = hashlib.sha256(start)
    for file in files:
        executable = file.mode & 0o100
        # Lengths keep "ab" + "c" apart from "a" + "bc".
        digest.update(f"\n{len(file.content)} {executable} {file.path}\n".encode())
        digest.update(file.content)
    return digest.hexdigest()[:_KEY_LENGTH]
